// A button under every block with prompts: it opens the code, which runs in the page with all blocks above it.
const folder = document.currentScript.src;

document.addEventListener("DOMContentLoaded", () => {
  if (location.protocol === "file:") return; // no worker may be started from a file
  const blocks = [...document.querySelectorAll("article div.highlight pre")].filter((pre) => pre.textContent.startsWith(">>> "));
  const tries = blocks.map((pre, index) => new Try(pre, index));
  tries.forEach((one) => (one.all = tries));
});

// One worker for the page: how many blocks it has run from the top, and who waits for what it answers.
const session = {
  worker: null,
  done: 0,
  waiting: null,
  run(block, source) {
    this.worker ??= new Worker(new URL("try_worker.js", folder));
    return new Promise((answer) => {
      this.worker.onmessage = ({ data }) => answer(data);
      this.worker.onerror = (event) => answer({ block, text: event.message, pictures: [] });
      this.waiting = answer;
      this.worker.postMessage({ block, source });
    });
  },
  stop() {
    this.worker?.terminate();
    this.worker = null;
    this.done = 0;
    this.waiting?.({ text: "Stopped. The next run begins at the top of the page.", pictures: [], stopped: true });
  },
};

// What was typed: the lines behind the prompts. "..." goes on with a statement only below one of its lines.
function typed(text) {
  const lines = [];
  let inside = false;
  for (const line of text.split("\n")) {
    inside = /^>>>( |$)/.test(line) || (inside && /^\.\.\.( |$)/.test(line));
    if (inside) lines.push(line.slice(4));
  }
  return lines.join("\n");
}

function made(tag, properties, parent) {
  return parent.appendChild(Object.assign(document.createElement(tag), properties));
}

class Try {
  constructor(pre, index) {
    this.index = index;
    this.source = typed(pre.textContent);
    this.place = document.createElement("div");
    this.place.className = "try";
    pre.closest("div[class*='highlight-']").after(this.place);
    this.button = made("button", { type: "button", textContent: "Try it", title: "Run this here, in the browser" }, this.place);
    this.button.onclick = () => (this.field ? this.run() : this.open());
  }

  open() {
    const rows = this.source.split("\n").length;
    this.field = document.createElement("textarea");
    Object.assign(this.field, { value: this.source, rows, spellcheck: false, wrap: "off" });
    this.field.setAttribute("aria-label", "Code to run, with all blocks above it");
    this.field.onkeydown = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey || event.shiftKey)) event.preventDefault(), this.run();
    };
    this.place.prepend(this.field);
    this.button.textContent = "Run";
    this.ending = made("button", { type: "button", textContent: "Stop", hidden: true, onclick: () => session.stop() }, this.place);
    this.output = made("pre", { tabIndex: 0 }, this.place);
    this.output.setAttribute("role", "status");
    this.pictures = made("div", {}, this.place);
    this.run();
  }

  get code() {
    return this.field ? this.field.value : this.source;
  }

  busy(is) {
    for (const one of this.all) one.button.disabled = is;
    this.ending.hidden = !is;
    this.place.classList.toggle("busy", is);
  }

  async run() {
    this.busy(true);
    this.output.textContent = session.worker ? "Running …" : "Python is being loaded …";
    this.pictures.replaceChildren();
    let answer = {};
    while (session.done < this.index && !answer.stopped) answer = await this.ask(this.all[session.done]);
    if (!answer.stopped) answer = await this.ask(this);
    this.output.textContent = answer.text;
    for (const svg of answer.pictures) {
      made("img", { alt: "The picture of the value", src: URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" })) }, this.pictures);
    }
    this.place.dataset.runs = Number(this.place.dataset.runs ?? 0) + 1;
    this.busy(false);
  }

  async ask(one) {
    const answer = await session.run(one.index, one.code + "\n");
    if (!answer.stopped) session.done = Math.max(session.done, one.index + 1);
    return answer;
  }
}
