// A run, step by step: its formulas, with shapes and with numbers, and what lights up in the picture.

const {nodes, steps, known} = data;
const ids = Object.keys(known);
const parts = new Map(ids.map((id) => [id, $(id)]).filter(([, part]) => part));
let lit = [];

// --- the picture -----------------------------------------------------------------------------------------------------

function showPicture(at) {
  for (const [id, part] of parts) {
    const [first, gradient] = known[id];
    part.classList.toggle('ahead', at < first);
    if (gradient !== undefined) part.classList.toggle('no-gradient-yet', at < gradient);
  }
  for (const part of lit) part.classList.remove('reads', 'writes');
  lit = [];
  for (const way of ['reads', 'writes']) {
    for (const id of steps[at][way]) {
      const part = $(id);
      if (!part) continue;
      part.classList.add(way);
      lit.push(part);
    }
  }
  bringIntoView(lit);
}

// Where the picture is wider than its frame, the frame is moved, and only as far as needed; where it fits nothing moves.
function bringIntoView(shown) {
  const frame = document.querySelector('.picture');
  if (!shown.length || (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight)) return;
  const outer = frame.getBoundingClientRect();
  shown = shown.filter((part) => frame.contains(part));
  if (!shown.length) return;
  const boxes = shown.filter((part) => part.classList.contains('node')).map((part) => part.getBoundingClientRect());
  const all = boxes.length ? boxes : shown.map((part) => part.getBoundingClientRect());
  const last = all[all.length - 1];
  let [left, right] = [Math.min(...all.map((box) => box.left)), Math.max(...all.map((box) => box.right))];
  let [top, bottom] = [Math.min(...all.map((box) => box.top)), Math.max(...all.map((box) => box.bottom))];
  if (right - left > outer.width) [left, right] = [last.left, last.right];
  if (bottom - top > outer.height) [top, bottom] = [last.top, last.bottom];
  if (left < outer.left || right > outer.right) frame.scrollLeft += (left + right) / 2 - (outer.left + outer.right) / 2;
  if (top < outer.top || bottom > outer.bottom) frame.scrollTop += (top + bottom) / 2 - (outer.top + outer.bottom) / 2;
}

function connectPicture(stepper) {
  const owners = new Map();
  nodes.forEach((node, k) => {
    if (node.at) owners.set(node.at, [...(owners.get(node.at) || []), k]);
  });
  for (const [id, inside] of owners) {
    const part = $(id);
    if (!part) continue;
    const stops = inside.flatMap((k) => [nodes[k].forward, ...(nodes[k].total === undefined ? [] : [nodes[k].total])]);
    stops.sort((a, b) => a - b);
    const go = () => stepper.go(stops[(stops.indexOf(stepper.at()) + 1) % stops.length]);
    part.setAttribute('tabindex', '0');
    part.setAttribute('role', 'button');
    part.setAttribute('aria-label', part.querySelector('title').textContent);
    part.addEventListener('click', go);
    part.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      event.stopPropagation();
      go();
    });
  }
}

// --- formulas ------------------------------------------------------------------------------------------------------

function markedArray(mark) {
  const k = Number(mark.slice(1));
  if (mark[0] === 'c') return arrayOf(data.constants[k]);
  return arrayOf(mark[0] === 'v' ? nodes[k].value : nodes[k].gradient);
}

function isKnown(mark) {
  return mark[0] !== 'g' || nodes[Number(mark.slice(1))].gradient !== undefined;
}

function leavesOf(part) {
  return [...part.querySelectorAll('[data-of]')].filter((leaf) => isKnown(leaf.dataset.of));
}

// A line for every step of the formula, the name in front of the first; `changed` is what each goes through.
function showLines(target, step, changed, last = []) {
  const lines = step.formula.map((markup, k) => {
    const line = math('math', {displaystyle: 'true'});
    const body = filled(math('mrow'), markup);
    changed(body);
    line.append(filled(math('mrow', k ? {class: 'before'} : {}), step.name), math('mo', {}, k ? '=' : step.sign), body);
    return line;
  });
  target.replaceChildren(...lines, ...last);
}

// Under every value its shape.
function withShapes(body) {
  for (const leaf of leavesOf(body)) {
    const {shape} = markedArray(leaf.dataset.of);
    const under = math('munder');
    leaf.replaceWith(under);
    under.append(leaf, math('mtext', {class: 'shape'}, shape.length ? shape.join('×') : '1'));
  }
}

// In the place of every value its numbers.
function withNumbers(body) {
  for (const size of [...body.querySelectorAll('[data-size]')]) size.replaceWith(math('mn', {class: 'number'}, size.dataset.size));
  for (const leaf of leavesOf(body)) leaf.replaceWith(numbersFor(leaf));
  for (const times of [...body.querySelectorAll('mo')]) {
    if (times.textContent === '\u2062' && standsBesideANumber(times)) times.textContent = '·';
  }
}

function showNumbers(target, step) {
  showArrays(target, step);
  const buttons = buttonsOf(target);
  if (buttons.length) target.append(element('p', {class: 'behind'}, ...buttons));
}

function showArrays(target, step) {
  if (!step.parts) return showLines(target, step, withNumbers);
  const sum = math('math', {});
  sum.append(filled(math('mrow'), step.name));
  step.parts.forEach((place, k) => sum.append(math('mo', {}, k ? '+' : '='), mathMatrix(arrayOf(place), 3)));
  if (!isSmall(arrayOf(step.result))) return target.replaceChildren(sum);
  showLines(target, step, withNumbers);
  return target.prepend(sum);
}

function numbersFor(leaf) {
  const array = markedArray(leaf.dataset.of);
  if (leaf.dataset.at === undefined) {
    const shown = mathMatrix(array, 3);
    for (const picture of shown.querySelectorAll('.strip')) picture.dataset.name = leaf.textContent;
    return shown;
  }
  const places = leaf.dataset.at.split(',').map(Number);
  const k = places.reduce((sum, place, axis) => sum * array.shape[axis] + place, 0);
  return array.numbers ? math('mrow', {class: 'number'}, mathNumber(array.numbers[k], 3)) : leaf;
}

// A product of numbers needs a sign: 2 and 5 side by side would be 25.
function standsBesideANumber(times) {
  const skip = (part, way) => { let next = part[way]; while (next && next.localName === 'mspace') next = next[way]; return next; };
  return ['previousElementSibling', 'nextElementSibling'].some((way) => {
    const next = skip(times, way);
    return next && (next.matches('.number, mn') || next.querySelector('.number, mn') && !next.querySelector('.matrix, .strip') && !next.matches('.matrix'));
  });
}

function showFormula(step) {
  const line = math('math', {displaystyle: 'true'});
  line.append(filled(math('mrow'), step.name));
  step.formula.forEach((markup, k) => line.append(math('mo', {}, k ? '=' : step.sign), filled(math('mrow'), markup)));
  $('formula').replaceChildren(line);
}

// --- one step --------------------------------------------------------------------------------------------------------

const WAYS = {forward: 'forward', contribution: 'backward +=', total: 'backward ='};

function showStep(at) {
  const step = steps[at];
  const node = nodes[step.node];
  $('way').textContent = WAYS[step.kind];
  $('way').className = step.kind === 'forward' ? 'forward' : 'backward';
  $('about').textContent = step.title;
  for (const row of ['formula', 'shapes', 'numbers']) $(`row-${row}`).hidden = !step.formula;
  if (step.formula) {
    showFormula(step);
    showLines($('shapes'), step, withShapes, step.shapes ? [element('span', {class: 'behind'}, step.shapes)] : []);
    showNumbers($('numbers'), step);
  }
  showResult(step, node);
  showCompared(step);
  showPicture(at);
  return step.words;
}

function showResult(step, node) {
  const array = arrayOf(step.result);
  const name = step.kind === 'forward' ? node.math : node.differential;
  const figure = element('figure', {}, step.kind === 'contribution' ? equation('', '+=', array) : equation(name, '=', array));
  const what = step.kind === 'forward' ? node.kind : `gradient of ${node.name}`;
  figure.append(element('figcaption', {}, `${what}, ${node.shape || 'a number'}${followedCaption(array)}`));
  const shown = [figure];
  if (step.soFar !== undefined) {
    const sum = element('figure', {}, equation(name, '=', arrayOf(step.soFar)));
    sum.append(element('figcaption', {}, 'the sum so far'));
    shown.push(sum);
  }
  $('result').replaceChildren(...shown);
}

function followedCaption(array) {
  return followed >= 0 && array.packed.axis !== undefined ? `; ${data.examples.word} ${followed + 1} is followed` : '';
}

function showCompared(step) {
  $('row-compared').hidden = step.compared === undefined;
  if (step.compared === undefined) return;
  const {slopes, entries, halves, said, agrees} = data.comparisons[step.compared];
  const array = arrayOf(step.result);
  const small = !entries && isSmall(array);
  $('compared').replaceChildren(small ? slopesAsMatrix(array, slopes) : slopesAsTable(array, slopes, entries));
  $('said').textContent = (agrees ? '✓ ' : '✗ ') + said + (halves && halves.some(Boolean) ? '; at a kink any slope between those on either side is right' : '');
  $('said').className = agrees ? 'agrees' : 'differs';
}

function slopesAsMatrix(array, slopes) {
  const numbers = Float64Array.from(slopes, (slope) => (slope === null ? NaN : slope));
  const line = math('math', {});
  line.append(mathMatrix({...array, numbers}, 4, true));
  return line;
}

// Of a large array some entries: where, the gradient, the difference.
function slopesAsTable(array, slopes, entries) {
  const places = entries || [...slopes.keys()];
  const cells = places.map((k, n) => [k, slopes[n]]).slice(0, 2 * SIDE);
  const table = element('table', {class: 'window'}, element('thead', {}, element('tr', {},
    ...['row, column', 'gradient', 'numerical'].map((word) => element('th', {scope: 'col'}, word)))));
  const body = element('tbody');
  for (const [k, slope] of cells) {
    const where = `${Math.floor(k / array.columns) + 1}, ${(k % array.columns) + 1}`;
    const own = array.numbers ? numberText(array.numbers[k]) : '';
    body.append(element('tr', {}, element('th', {scope: 'row'}, where), element('td', {}, own),
      element('td', {}, slope === null ? 'none' : numberText(slope))));
  }
  table.append(body);
  return table;
}

// --- from here on the page is alive ----------------------------------------------------------------------------------

const backward = steps.findIndex((step) => step.kind !== 'forward');
const toBackward = () => (backward < 0 ? steps.length - 1 : backward);
if (backward < 0) $('to-backward').remove();
connectNumbers();
const stepper = stepping({count: steps.length, show: showStep, keys: {f: () => 0, b: toBackward}});
$('to-forward').addEventListener('click', () => stepper.go(0));
if (backward >= 0) $('to-backward').addEventListener('click', () => stepper.go(backward));
connectPicture(stepper);
if (data.examples) {
  const choice = $('example');
  choice.append(element('option', {value: '-1'}, `every ${data.examples.word}`));
  for (let k = 0; k < Math.min(data.examples.count, 1000); k += 1) {
    choice.append(element('option', {value: String(k)}, `${data.examples.word} ${k + 1}`));
  }
  choice.addEventListener('change', () => { followed = Number(choice.value); stepper.again(); });
} else {
  $('following').remove();
}
