// Elements as values. Everything from the daemon becomes text or an attribute here, never markup.
const SVG = 'http://www.w3.org/2000/svg';
const svgNames = new Set(['svg', 'g', 'path', 'rect', 'circle', 'line', 'text', 'title', 'defs', 'marker']);
/** What a person has changed stays: it is only set when the element is made. */
const ofPeople = new Set(['value', 'checked', 'open']);
const handlers = ['onclick', 'onsubmit', 'onchange', 'oninput'];

/** `h('p.quiet', { id: 'x' }, 'text', node, [more])`; null, undefined and false are left out. */
export function h(what, ...rest) {
  const [name, ...classes] = what.split('.');
  const node = svgNames.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  if (classes.length > 0) node.setAttribute('class', classes.join(' '));
  for (const part of rest) add(node, part);
  return node;
}

function add(node, part) {
  if (part === null || part === undefined || part === false) return;
  if (Array.isArray(part)) for (const one of part) add(node, one);
  else if (part instanceof Node) node.append(part);
  else if (typeof part === 'object') for (const [name, value] of Object.entries(part)) set(node, name, value);
  else node.append(String(part));
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (handlers.includes(name)) node[name] = value;
  else if (name === 'class') node.setAttribute('class', [node.getAttribute('class'), value].filter(Boolean).join(' '));
  else if (ofPeople.has(name)) node[name] = value;
  else node.setAttribute(name, value === true ? '' : value);
}

/**
 * Makes the children of `parent` those of `nodes` and keeps every element that can stay, so that a page that is drawn each second
 * keeps focus, selection and what is typed. Elements with the same `data-keep` are not touched at all.
 */
export function show(parent, nodes) {
  const old = new Map();
  for (const child of parent.children) if (child.dataset?.key !== undefined) old.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const node of nodes.flat(3).filter((one) => one !== null && one !== undefined && one !== false)) {
    const next = node instanceof Node ? node : document.createTextNode(String(node));
    const key = next.dataset?.key;
    const same = key !== undefined ? old.get(key) : at?.dataset?.key === undefined ? at : undefined;
    if (same !== undefined && same !== null && isAlike(same, next)) {
      if (same !== at) parent.insertBefore(same, at);
      update(same, next);
      at = same.nextSibling;
    } else parent.insertBefore(next, at);
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const isAlike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.keep === b.dataset?.keep;

function update(node, next) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== next.data) node.data = next.data;
    return;
  }
  if (node.dataset.keep !== undefined) return;
  for (const { name } of [...node.attributes]) if (!next.hasAttribute(name) && !ofPeople.has(name)) node.removeAttribute(name);
  for (const { name, value } of next.attributes)
    if (node.getAttribute(name) !== value && !ofPeople.has(name)) node.setAttribute(name, value);
  if (node.nodeName === 'PROGRESS') node.value = next.value;
  for (const name of handlers) node[name] = next[name];
  show(node, [...next.childNodes]);
}
