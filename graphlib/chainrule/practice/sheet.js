// A sheet's form: what is filled in is written into a file that the teacher grades.

const answers = () => [...document.querySelectorAll('[data-line]')].map((part) => {
  const chosen = part.querySelector('input:checked');
  const field = part.querySelector('textarea');
  return [part.dataset.line, chosen ? chosen.value : field ? field.value : ''];
});

// A text in quotes, as Python and JSON read it; a function stands as it is.
function block([name, answer]) {
  return `\`\`\`python\n${name === 'function' ? answer : `${name} = ${JSON.stringify(answer)}`}\n\`\`\``;
}

function save() {
  const mark = document.querySelector('meta[name=sheet]').content;
  const text = [`<!-- ${mark} -->`, `# ${document.title}`, ...answers().map(block)].join('\n\n');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${text}\n`], {type: 'text/markdown'}));
  link.download = 'answers.md';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  const open = answers().filter(([, answer]) => !answer.trim()).length;
  document.getElementById('said').textContent = `answers.md is written; ${open ? `${open} without an answer` : 'every line has an answer'}.`;
}

const button = document.getElementById('save');
button.addEventListener('click', save);
for (const part of document.querySelectorAll('[hidden]')) part.hidden = false;
