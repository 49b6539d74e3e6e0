// SPDX-License-Identifier: GPL-3.0-only
// Completes names of packages in the field that has the list of them.
"use strict";

(() => {
    const base = document.documentElement.dataset.base; // of all our paths
    const field = document.querySelector("input[list=packages]");
    const names = document.getElementById("packages");
    if (!field)
        return;

    field.addEventListener("input", async () => {
        const prefix = field.value.trim().toLowerCase();
        if (prefix.length < 2)
            return;
        const answer = await fetch(base + "/api/v1/packages?prefix=" + encodeURIComponent(prefix));
        if (!answer.ok || field.value.trim().toLowerCase() !== prefix)
            return;
        names.replaceChildren(...(await answer.json()).packages.map((name) => new Option(name)));
    });
})();
