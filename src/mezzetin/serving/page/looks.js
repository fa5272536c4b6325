// Where the model looked: the words of a caption can be pointed at or walked through, and the picture shows the place.
//
// The words are one stop of the Tab key; the arrow keys go from word to word, as in a toolbar.

const MOST_PIXELS = 480;
/** Least and most light: [red, green, blue, opacity] over the picture. */
const DIM = [12, 10, 24, 0.78];
const LIT = [255, 176, 60, 0.22];

/** Make the words of a caption in `node` show where the model looked, on the `mat` of its card. */
export function lookable(node, { text, language }, attention, mat) {
  const plain = node.querySelector(".caption");
  const words = document.createElement("div");
  Object.assign(words, { className: "caption words", lang: language, dir: "auto" });
  words.setAttribute("role", "toolbar");
  words.setAttribute("aria-label", "Where the model looked, word by word");
  const buttons = [...worded(text, attention.words)].map(([between, part, look]) => {
    words.append(between);
    return part ? word(words, part, look) : null;
  }).filter(Boolean);
  if (!buttons.length) return;
  // The sentence stays whole for who hears it.
  plain.classList.add("unseen");
  plain.after(words);
  const line = node.querySelector(".looked");
  line.hidden = false;
  const show = (button) => tell(button, { buttons, line, mat, attention });
  show(null);
  let chosen = null;
  const choose = (button) => show((chosen = button));
  for (const button of buttons) {
    button.onmouseenter = () => show(button);
    button.onmouseleave = () => show(chosen);
    button.onfocus = button.onclick = () => choose(button);
    button.onblur = () => choose(null);
  }
  words.onkeydown = (event) => walk(event, buttons, choose);
}

/** A caption's text in parts: [what stands before, a word as it is written, where the model looked for it]. */
function* worded(text, looks) {
  let at = 0;
  for (const look of looks) {
    const from = found(text, look.word, at);
    if (from < 0) continue;
    const to = from + look.word.length;
    yield [text.slice(at, from), text.slice(from, to), look];
    at = to;
  }
  yield [text.slice(at), "", null];
}

/** The place of a whole word from `at` on; a caption without gender may not have it any more. */
function found(text, word, at) {
  const lower = text.toLowerCase();
  const inWord = (character) => /[\p{L}\p{N}]/u.test(character ?? "");
  for (let from = lower.indexOf(word, at); from >= 0; from = lower.indexOf(word, from + 1)) {
    if (!inWord(text[from - 1]) && !inWord(text[from + word.length])) return from;
  }
  return -1;
}

function word(words, part, look) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "word", textContent: part, tabIndex: words.children.length ? -1 : 0 });
  button.setAttribute("aria-label", `${part}: ${look.place}`);
  button.look = look;
  words.append(button);
  return button;
}

function walk(event, buttons, choose) {
  const here = buttons.indexOf(document.activeElement);
  const onward = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
  const to = { ArrowRight: here + onward, ArrowLeft: here - onward, Home: 0, End: buttons.length - 1 }[event.key];
  if (event.key === "Escape") choose(null);
  if (to === undefined) return;
  event.preventDefault();
  const next = buttons[Math.min(Math.max(to, 0), buttons.length - 1)];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
}

/** Show the place of one word, or of none. */
function tell(chosen, { buttons, line, mat, attention }) {
  for (const button of buttons) button.classList.toggle("chosen", button === chosen);
  const image = mat.querySelector("img");
  const heat = mat.querySelector(".heat");
  const drawn = chosen !== null && !image.hidden && image.naturalWidth > 0;
  heat.hidden = !drawn;
  line.textContent = chosen ? `“${chosen.textContent}”: ${chosen.look.place}` : "Point at a word to see where the model looked.";
  if (drawn) draw(heat, image, chosen.look.weights, attention);
}

function draw(heat, image, weights, { rows, columns, width, height }) {
  const scale = Math.min(1, MOST_PIXELS / Math.max(image.naturalWidth, image.naturalHeight));
  heat.width = Math.max(1, Math.round(image.naturalWidth * scale));
  heat.height = Math.max(1, Math.round(image.naturalHeight * scale));
  const most = Math.max(...weights);
  const cells = document.createElement("canvas");
  Object.assign(cells, { width: columns, height: rows });
  const context = cells.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  // Attention is peaked; its root shows the second place too.
  weights.forEach((weight, cell) => pixels.data.set(colour(Math.sqrt(weight / most)), cell * 4));
  context.putImageData(pixels, 0, 0);
  const over = heat.getContext("2d");
  const [wide, high] = [heat.width * width, heat.height * height];
  const box = [(heat.width - wide) / 2, (heat.height - high) / 2, wide, high];
  // What the model did not see is as dark as what it did not look at.
  over.fillStyle = `rgba(${DIM.join(",")})`;
  over.fillRect(0, 0, heat.width, heat.height);
  over.clearRect(...box);
  over.imageSmoothingQuality = "high";
  over.drawImage(cells, ...box);
}

function colour(share) {
  return DIM.map((dim, channel) => (dim + (LIT[channel] - dim) * share) * (channel === 3 ? 255 : 1));
}
