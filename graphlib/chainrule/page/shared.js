// What every page does: arrays shown as numbers or heat, steps taken by buttons, keys, the slider or the address.

const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const MATHML = 'http://www.w3.org/1998/Math/MathML';
const SIDE = 6; // rows and columns of the largest matrix that is written out
const TWO_POWERS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function element(name, attributes = {}, ...children) {
  const found = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.append(...children);
  return found;
}

function math(name, attributes = {}, ...children) {
  const found = document.createElementNS(MATHML, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.append(...children);
  return found;
}

// --- numbers -------------------------------------------------------------------------------------------------------

function numberText(x, digits = 4) {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x < 0 ? '−∞' : '∞';
  const size = Math.abs(x);
  if (size >= 1000 && size < 1e6) return String(Math.round(x)).replace('-', '−');
  const rounded = Number(x.toPrecision(digits));
  if (rounded === 0 || (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1e6)) return String(rounded).replace('-', '−');
  const [front, power] = x.toExponential(digits - 1).split('e');
  const raised = String(Number(power)).replace('-', '⁻').replace(/\d/g, (digit) => TWO_POWERS[digit]);
  return `${String(Number(front)).replace('-', '−')}×10${raised}`;
}

function decoded(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const size = packed.type === 'f4' ? 4 : 8;
  const read = size === 4 ? (k) => view.getFloat32(4 * k, true) : (k) => view.getFloat64(8 * k, true);
  return Float64Array.from({length: bytes.length / size}, (_, k) => read(k));
}

const unpacked = new Map();

// An array as a matrix: its numbers, rows and columns, and which example an entry belongs to.
function arrayOf(place) {
  if (!unpacked.has(place)) {
    const packed = data.arrays[place];
    const {shape} = packed;
    const columns = shape.length ? shape[shape.length - 1] : 1;
    const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
    const stride = packed.axis === undefined ? 0 : shape.slice(packed.axis + 1).reduce((p, size) => p * size, 1);
    const array = {place, packed, shape, rows, columns, numbers: packed.data === undefined ? null : decoded(packed)};
    array.example = (k) => (stride ? Math.floor(k / stride) % shape[packed.axis] : -1);
    unpacked.set(place, array);
  }
  return unpacked.get(place);
}

const isSmall = (array) => array.numbers && array.numbers.length > 0 && array.shape.length <= 2 && Math.max(array.rows, array.columns) <= SIDE;

function shapeText(array) {
  return array.shape.length ? array.shape.join(' × ') : 'a number';
}

function rangeText(array) {
  const {packed} = array;
  if (array.shape.includes(0)) return 'empty';
  let {low, high, norm, broken} = packed;
  if (low === undefined && array.numbers) {
    const finite = [...array.numbers].filter(Number.isFinite);
    if (!finite.length) return 'nothing finite';
    [low, high] = [Math.min(...finite), Math.max(...finite)];
    norm = Math.hypot(...finite);
    broken = array.numbers.length - finite.length;
  }
  if (low === undefined) return 'nothing finite';
  const parts = [low === high ? `all ${numberText(low)}` : `${numberText(low)} … ${numberText(high)}`];
  if (norm !== undefined) parts.push(`norm ${numberText(norm)}`);
  if (broken) parts.push(`${broken} not finite`);
  return parts.join(', ');
}

// --- an example that is followed -----------------------------------------------------------------------------------

let followed = -1;

function markExample(cell, array, k) {
  const example = array.example(k);
  if (followed < 0 || example < 0) return;
  cell.classList.add(example === followed ? 'followed' : 'passed-over');
}

// --- matrices ------------------------------------------------------------------------------------------------------

function mathNumber(x, digits, alone) {
  const text = numberText(x, digits);
  const [, minus, rest] = /^(−?)(.*)$/.exec(text);
  const number = math('mn', {}, rest);
  if (!minus) return number;
  return alone ? math('mrow', {}, math('mo', {form: 'prefix'}, '−'), number)
    : math('mrow', {}, math('mo', {stretchy: 'false'}, '('), math('mo', {form: 'prefix'}, '−'), number, math('mo', {stretchy: 'false'}, ')'));
}

function mathMatrix(array, digits, alone = false) {
  if (array.shape.length === 0) return math('mrow', {class: 'number'}, mathNumber(array.numbers[0], digits, alone));
  if (!isSmall(array)) return math('mtext', {}, strip(array, 'span'));
  const table = math('mtable', {class: 'matrix'});
  for (let row = 0; row < array.rows; row += 1) {
    const line = math('mtr');
    for (let column = 0; column < array.columns; column += 1) {
      const k = row * array.columns + column;
      const cell = math('mtd', {}, mathNumber(array.numbers[k], digits, true));
      markExample(cell, array, k);
      line.append(cell);
    }
    table.append(line);
  }
  return table;
}

// Markup that Python's printer wrote: every name in it is escaped.
function filled(target, markup) {
  const reader = math('math');
  reader.innerHTML = markup;
  target.replaceChildren(...reader.childNodes);
  return target;
}

// What equals an array, or is added to; a strip of heat stands beside the mathematics, where every browser makes room.
function equation(left, sign, array) {
  const line = math('math', {});
  line.append(filled(math('mrow'), left), math('mo', left ? {} : {form: 'prefix'}, sign));
  if (array.shape.length === 0 || isSmall(array)) {
    line.append(mathMatrix(array, 4, true));
    return line;
  }
  return element('span', {class: 'equation'}, line, strip(array));
}

// Blue below 0 and orange above it, the stronger the farther away.
function heat(x, largest) {
  if (!Number.isFinite(x)) return [120, 120, 120];
  const share = largest ? Math.min(1, Math.abs(x) / largest) ** 0.5 : 0;
  const full = x < 0 ? [33, 102, 172] : [201, 91, 12];
  return full.map((color) => Math.round(246 + (color - 246) * share));
}

function canvasOf(array) {
  const source = array.numbers ? array : {...array.packed.thumbnail, numbers: decoded(array.packed.thumbnail)};
  const [rows, columns] = array.numbers ? [array.rows, array.columns] : array.packed.thumbnail.shape;
  const finite = source.numbers.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
  const canvas = element('canvas', {width: columns, height: rows, class: 'heat', 'aria-hidden': 'true'});
  const context = canvas.getContext('2d');
  const image = context.createImageData(columns, rows);
  source.numbers.forEach((x, k) => {
    const passed = array.numbers && followed >= 0 && array.example(k) >= 0 && array.example(k) !== followed;
    image.data.set([...heat(x, finite), passed ? 70 : 255], 4 * k);
  });
  context.putImageData(image, 0, 0);
  const [least, most] = [24, 260];
  canvas.style.width = `${Math.min(most, Math.max(least, columns * 10))}px`;
  canvas.style.height = `${Math.min(96, Math.max(12, rows * 10))}px`;
  return canvas;
}

// A large array: its entries as heat, their range and norm, and a button that shows the numbers. A screen reader takes
// mathematics as a whole, without the buttons in it: there it is a picture to click, and buttons stand behind the line.
function strip(array, tag = 'button') {
  if (array.shape.includes(0)) return element('span', {}, 'empty');
  const said = `${shapeText(array)}: ${rangeText(array)}`;
  const own = tag === 'button' ? {type: 'button', 'aria-label': `${said}; show the numbers`} : {};
  const shown = element(tag, {...own, class: 'strip', title: 'show the numbers'}, canvasOf(array), element('span', {}, said));
  const picked = followedText(array);
  if (picked) shown.append(element('span', {class: 'picked'}, picked));
  shown.addEventListener('click', () => openNumbers(array));
  shown.array = array;
  return shown;
}

// A button for every large array in lines of mathematics, called as the line calls it.
function buttonsOf(part) {
  const pictures = new Map([...part.querySelectorAll('math .strip')].map((picture) => [picture.array.packed, picture]));
  return [...pictures.values()].map(({array, dataset}, k) => {
    const button = element('button', {type: 'button'}, `numbers of ${dataset.name || `part ${k + 1}`}, ${shapeText(array)}`);
    button.addEventListener('click', () => openNumbers(array));
    return button;
  });
}

function followedText(array) {
  if (followed < 0 || !array.numbers || array.packed.axis === undefined) return '';
  const own = [...array.numbers.keys()].filter((k) => array.example(k) === followed);
  const shown = own.slice(0, SIDE).map((k) => numberText(array.numbers[k]));
  return `${data.examples.word} ${followed + 1}: ${shown.join(', ')}${own.length > SIDE ? ', …' : ''}`;
}

// --- the numbers of a large array, a window at a time -----------------------------------------------------------------

const WINDOW = [12, 8];
let opened = null;

function openNumbers(array) {
  const whole = Boolean(array.numbers);
  const [rows, columns] = whole ? [array.rows, array.columns] : array.packed.corner.shape;
  opened = {array, numbers: whole ? array.numbers : decoded(array.packed.corner), rows, columns, at: [0, 0], whole};
  if (whole && followed >= 0) {
    const first = array.numbers.findIndex((_, k) => array.example(k) === followed);
    if (first >= 0) opened.at = [Math.floor(first / columns), first % columns].map((at, way) => at - (at % WINDOW[way]));
  }
  $('numbers-title').textContent = `${shapeText(array)}: ${rangeText(array)}`;
  showWindow();
  $('numbers-of').showModal();
}

function showWindow() {
  const {array, numbers, rows, columns, at, whole} = opened;
  const ends = at.map((start, way) => Math.min(start + WINDOW[way], [rows, columns][way]));
  const table = element('table', {class: 'window'});
  const head = element('tr', {}, element('th', {scope: 'col'}, 'row'));
  for (let column = at[1]; column < ends[1]; column += 1) head.append(element('th', {scope: 'col'}, String(column + 1)));
  table.append(element('thead', {}, head));
  const body = element('tbody');
  for (let row = at[0]; row < ends[0]; row += 1) {
    const line = element('tr', {}, element('th', {scope: 'row'}, String(row + 1)));
    for (let column = at[1]; column < ends[1]; column += 1) {
      const k = row * columns + column;
      const cell = element('td', {}, numberText(numbers[k], 6));
      if (whole) markExample(cell, array, k);
      line.append(cell);
    }
    body.append(line);
  }
  table.append(body);
  $('numbers-table').replaceChildren(table);
  const words = `rows ${at[0] + 1} to ${ends[0]} of ${array.rows}, columns ${at[1] + 1} to ${ends[1]} of ${array.columns}`;
  $('numbers-where').textContent = whole ? words : `${words}; the heat shows means of blocks, since this page has no room for all numbers`;
}

function moveWindow(down, right) {
  const {rows, columns, at} = opened;
  opened.at = [down, right].map((move, way) => {
    const next = at[way] + move * WINDOW[way];
    return next < 0 || next >= [rows, columns][way] ? at[way] : next;
  });
  showWindow();
}

function connectNumbers() {
  if (!$('numbers-of')) return;
  $('close').addEventListener('click', () => $('numbers-of').close());
  for (const button of document.querySelectorAll('[data-move]')) {
    button.addEventListener('click', () => moveWindow(...button.dataset.move.split(',').map(Number)));
  }
}

// --- steps ---------------------------------------------------------------------------------------------------------

// Steps from 0 to count - 1: `show(k)` shows one and returns what to say of it; `keys` are further keys.
function stepping({count, show, keys = {}, pause = 1400}) {
  let at = -1;
  let timer = 0;

  function go(step, from = 'page') {
    const next = Math.max(0, Math.min(count - 1, step));
    if (next === at) return;
    at = next;
    const said = show(at);
    $('slider').value = String(at + 1);
    $('slider').setAttribute('aria-valuetext', `step ${at + 1} of ${count}`);
    $('count').textContent = `${at + 1} of ${count}`;
    $('live').textContent = `${at + 1} of ${count}. ${said}`;
    $('previous').toggleAttribute('data-end', at === 0);
    $('next').toggleAttribute('data-end', at === count - 1);
    if (from !== 'address') writeAddress(at + 1);
  }

  function play(on) {
    clearInterval(timer);
    timer = 0;
    if (on) {
      if (at === count - 1) go(0);
      timer = setInterval(() => (at === count - 1 ? play(false) : go(at + 1)), pause);
    }
    $('play').textContent = timer ? 'pause' : 'play';
  }

  function by(step) {
    play(false);
    go(step);
  }

  const moves = {
    ArrowLeft: () => by(at - 1), ArrowRight: () => by(at + 1), Home: () => by(0), End: () => by(count - 1), ' ': () => play(!timer),
  };
  for (const [key, target] of Object.entries(keys)) moves[key] = () => by(target());
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const own = event.target.closest('select, input') || (key === ' ' && event.target.closest('button, [role=button]'));
    if (own || !moves[key]) return;
    event.preventDefault();
    moves[key]();
  });
  for (const [id, move] of [['first', 'Home'], ['previous', 'ArrowLeft'], ['next', 'ArrowRight'], ['last', 'End'], ['play', ' ']]) {
    $(id).addEventListener('click', moves[move]);
  }
  $('slider').max = String(count);
  $('slider').addEventListener('input', () => by(Number($('slider').value) - 1));
  const fromAddress = () => { const found = /^#(\d+)$/.exec(location.hash); if (found) go(Number(found[1]) - 1, 'address'); };
  addEventListener('hashchange', () => { play(false); fromAddress(); });
  for (const part of document.querySelectorAll('[hidden]:not([data-later])')) part.hidden = false;
  document.documentElement.classList.add('stepped');
  fromAddress();
  if (at < 0) go(0, 'address');
  return {go: by, at: () => at, again: () => { const now = at; at = -1; go(now, 'address'); }};
}

// In a notebook's frame the page has no address of its own.
function writeAddress(step) {
  if (!/^(file|https?):$/.test(location.protocol)) return;
  try {
    history.replaceState(null, '', `#${step}`);
  } catch { /* a frame that may not write its address is stepped all the same */ }
}
