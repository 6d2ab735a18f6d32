// A training, moment by moment: the curve of its losses, its parameters, and what it predicts in the plane.

const {moments, names, curve, plane} = data;
const SVG = 'http://www.w3.org/2000/svg';
const FRAME = {left: 84, right: 470, top: 12, bottom: 290};

function drawn(name, attributes, ...children) {
  const found = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  found.append(...children);
  return found;
}

// --- the curve -------------------------------------------------------------------------------------------------------

const losses = [...curve.map(([, loss]) => loss), ...moments.map(({loss}) => loss)].filter((loss) => loss !== null);
const lastStep = Math.max(1, moments[moments.length - 1].step);
const range = [Math.min(...losses), Math.max(...losses)];
if (range[0] === range[1]) range[1] = range[0] + 1;
const across = (step) => FRAME.left + (FRAME.right - FRAME.left) * (step / lastStep);
const up = (loss) => FRAME.bottom - (FRAME.bottom - FRAME.top) * ((loss - range[0]) / (range[1] - range[0]));

function drawCurve() {
  const label = (x, y, text, anchor) => drawn('text', {x, y, 'text-anchor': anchor}, text);
  $('curve').append(
    drawn('path', {class: 'axes', d: `M${FRAME.left} ${FRAME.top}V${FRAME.bottom}H${FRAME.right}`}),
    label(FRAME.left - 6, FRAME.top + 8, numberText(range[1], 3), 'end'), label(FRAME.left - 6, FRAME.bottom, numberText(range[0], 3), 'end'),
    label(FRAME.left, FRAME.bottom + 20, '0', 'middle'), label(FRAME.right, FRAME.bottom + 20, String(lastStep), 'end'),
    drawn('polyline', {class: 'losses', points: curve.map(([step, loss]) => `${across(step).toFixed(1)},${up(loss).toFixed(1)}`).join(' ')}),
    drawn('path', {id: 'now', class: 'now'}), drawn('circle', {id: 'here', class: 'here', r: 6}),
  );
}

function markCurve({step, loss}) {
  $('now').setAttribute('d', `M${across(step)} ${FRAME.top}V${FRAME.bottom}`);
  $('here').setAttribute('visibility', loss === null ? 'hidden' : 'visible');
  if (loss === null) return;
  $('here').setAttribute('cx', across(step));
  $('here').setAttribute('cy', up(loss));
}

// --- the plane -------------------------------------------------------------------------------------------------------

// Colors that everybody tells apart (Okabe and Ito), pale for the plane.
const CLASSES = [[33, 102, 172], [201, 91, 12], [0, 158, 115], [204, 121, 167], [240, 228, 66], [86, 180, 233], [0, 0, 0], [140, 140, 140]];
const pale = (color, share) => color.map((part) => Math.round(250 + (part - 250) * share));

function cellColor(cell) {
  if (plane.classes > 1) return pale(CLASSES[cell], 0.55);
  const away = (cell - 127.5) / 127.5;
  return pale(CLASSES[away < 0 ? 0 : 1], 0.12 + 0.68 * Math.abs(away));
}

function drawPlane(at) {
  const canvas = $('plane');
  const context = canvas.getContext('2d');
  const {side, low, high, examples} = plane;
  const cells = Uint8Array.from(atob(plane.cells[at]), (letter) => letter.charCodeAt(0));
  const image = new ImageData(side, side);
  cells.forEach((cell, k) => image.data.set([...cellColor(cell), 255], 4 * k));
  const small = element('canvas', {width: side, height: side});
  small.getContext('2d').putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  drawBoundary(context, cells, canvas.width / side);
  for (const [x, y, kind] of examples) {
    const place = [canvas.width * (x - low[0]) / (high[0] - low[0]), canvas.height * (1 - (y - low[1]) / (high[1] - low[1]))];
    drawExample(context, place, kind);
  }
}

// Where neighbors are of different classes.
function drawBoundary(context, cells, width) {
  const {side, classes} = plane;
  const kind = (k) => (classes > 1 ? cells[k] : Number(cells[k] > 127.5));
  context.beginPath();
  for (let k = 0; k < cells.length; k += 1) {
    const [x, y] = [(k % side) * width, Math.floor(k / side) * width];
    if ((k + 1) % side && kind(k) !== kind(k + 1)) { context.moveTo(x + width, y); context.lineTo(x + width, y + width); }
    if (k + side < cells.length && kind(k) !== kind(k + side)) { context.moveTo(x, y + width); context.lineTo(x + width, y + width); }
  }
  context.strokeStyle = '#111';
  context.lineWidth = 2.5;
  context.stroke();
}

// Classes differ in form, too: circles, squares, triangles.
function drawExample(context, [x, y], kind) {
  context.beginPath();
  if (kind % 3 === 0) context.arc(x, y, 5, 0, 7);
  else if (kind % 3 === 1) context.rect(x - 4.5, y - 4.5, 9, 9);
  else { context.moveTo(x, y - 6); context.lineTo(x + 6, y + 5); context.lineTo(x - 6, y + 5); context.closePath(); }
  context.fillStyle = `rgb(${CLASSES[kind].join(' ')})`;
  context.fill();
  context.strokeStyle = '#fff';
  context.lineWidth = 1.5;
  context.stroke();
}

// --- one moment ------------------------------------------------------------------------------------------------------

function showMoment(at) {
  const moment = moments[at];
  $('about').textContent = moment.words;
  markCurve(moment);
  if (plane) drawPlane(at);
  $('params').replaceChildren(...moment.params.map((place, k) => element('figure', {}, equation(names[k], '=', arrayOf(place)))));
  return moment.words;
}

drawCurve();
if (plane) $('plane-words').textContent = plane.classes > 1 ? 'the class that is predicted, and the examples' : `what is predicted: blue below ${numberText(plane.middle)}, orange above; and the examples`;
else $('plane-figure').remove();
connectNumbers();
stepping({count: moments.length, show: showMoment, pause: 350});
