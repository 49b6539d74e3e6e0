// SPDX-License-Identifier: GPL-3.0-only
// Keeps the list of running tests as it is now. Without this script the list is as of when the page was made.
"use strict";

(() => {
    const base = document.documentElement.dataset.base; // of all our paths
    const list = document.querySelector("ul.running[data-live]");
    if (!list || !window.EventSource)
        return;
    const counter = document.querySelector("[data-running-total]");
    const rows = new Map();
    const logs = new Map();

    function follow(row, id) {
        const tail = row.querySelector(".tail");
        const source = new EventSource(base + "/running/events?id=" + encodeURIComponent(id));
        source.onmessage = (message) => {
            const end = tail.scrollTop + tail.clientHeight >= tail.scrollHeight - 8;
            tail.textContent = JSON.parse(message.data).logtail;
            if (end)
                tail.scrollTop = tail.scrollHeight;
        };
        logs.set(id, source);
    }

    function unfollow(id) {
        logs.get(id)?.close();
        logs.delete(id);
    }

    function adopt(row) {
        const id = row.dataset.id;
        rows.set(id, row);
        row.querySelector("details").addEventListener("toggle", (event) => {
            unfollow(id);
            if (event.target.open)
                follow(row, id);
        });
    }

    function make(test) {
        const row = document.createElement("li");
        row.dataset.id = test.id;
        const details = document.createElement("details");
        const summary = document.createElement("summary");
        const name = document.createElement(test.url ? "a" : "span");
        if (test.url)
            name.href = base + test.url;
        name.textContent = test.package;
        const took = document.createElement("span");
        took.className = "quiet took";
        summary.append(`on ${test.release} ${test.arch} `, took);
        const tail = document.createElement("pre");
        tail.className = "tail";
        tail.tabIndex = 0; // the keyboard scrolls it
        details.append(summary, tail);
        row.append(name, " ", details);
        adopt(row);
        list.append(row);
        return row;
    }

    function count(change) {
        if (counter)
            counter.textContent = Number(counter.textContent) + change;
    }

    function end(id, text) {
        const row = rows.get(id);
        if (!row)
            return;
        row.classList.add("ended");
        row.querySelector(".took").textContent = text;
        unfollow(id);
        rows.delete(id);
        count(-1);
    }

    function hear(test) {
        let row = rows.get(test.id);
        if (!test.running) {
            end(test.id, `ended after ${test.duration_text}`);
            return;
        }
        if (!row) {
            if (list.dataset.live !== "all")
                return; // one page of several: its tests only
            document.querySelector("[data-when-empty]")?.remove();
            row = make(test);
            count(1);
        }
        row.querySelector(".took").textContent = `for ${test.duration_text}`;
    }

    list.querySelectorAll("li[data-id]").forEach(adopt);
    const events = new EventSource(base + "/running/events" + list.dataset.filter);
    events.addEventListener("running", (message) => { // at each connection: what was missed since the page was made
        const now = new Set(JSON.parse(message.data).ids);
        [...rows.keys()].filter((id) => !now.has(id)).forEach((id) => end(id, "ended"));
    });
    events.onmessage = (message) => hear(JSON.parse(message.data));
})();
