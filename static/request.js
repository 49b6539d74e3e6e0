// SPDX-License-Identifier: GPL-3.0-only
// The form for requests tells before it is sent whether the same test waits, runs, or has just run. Without this script the answer
// to the form says so.
"use strict";

(() => {
    const base = document.documentElement.dataset.base; // of all our paths
    const form = document.querySelector("form.request");
    if (!form)
        return;
    const note = document.getElementById("check");
    let timer = 0;
    let asked = 0;

    function describe(check) {
        const line = document.createElement("span");
        if (check.state === "new")
            return null;
        const link = document.createElement("a");
        link.href = base + check.url;
        if (check.state === "tested") {
            link.textContent = check.verdict;
            line.append(`The newest test there ended ${check.date} UTC: `, link, ".");
        } else {
            link.textContent = check.state;
            line.append("The same test is ", link, " already; it would be refused.");
        }
        return line;
    }

    async function check() {
        const number = ++asked;
        if (!form.elements.package.value || !form.checkValidity()) {
            note.replaceChildren();
            return;
        }
        const answer = await fetch(base + "/request/check?" + new URLSearchParams(new FormData(form)));
        if (number !== asked)
            return; // a newer question is under way
        const found = answer.ok ? (await answer.json()).checks.map(describe).filter(Boolean) : [];
        note.replaceChildren(...found);
    }

    form.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(check, 200);
    });
    check();
})();
