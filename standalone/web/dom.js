// Building elements. Text only ever becomes text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children (elements or strings). */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Changes the text of an element if it differs, so that idle rows cost no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The text of an endpoint, which may be broken before its port. */
export function breakable(where) {
  const at = where.lastIndexOf(":");
  const hasPort = at > 0 && (where[at - 1] === "]" || where.indexOf(":") === at);
  return hasPort ? [where.slice(0, at), h("wbr"), where.slice(at)] : [where];
}

export const byId = (id) => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
