// The document of the API for people. Everything shown is text of /api/v1/openapi.json.

import { h as element } from "./dom.js";

/** Text in which `words` between backticks are code. */
function words(text) {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? element("code", {}, part) : part));
}

/** A schema in a word or two. */
function kind(schema) {
  if (schema === true || schema === undefined) return "anything";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(kind).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.join(", ");
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  if (schema.minimum !== undefined && schema.maximum !== undefined) {
    return `${schema.minimum} to ${schema.maximum}`;
  }
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "anything");
  return schema.format === "date-time" ? `${type} (time)` : type;
}

function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((text) => element("th", {}, text)));
  const body = rows.map((cells) =>
    element("tr", {}, ...cells.map((cell) => element("td", {}, ...[cell].flat()))),
  );
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

/** The members of an object, a level deep, with those of what it refers to behind a click. */
function shape(schema, schemas, seen = []) {
  const name = schema.$ref?.split("/").pop();
  const target = name ? schemas[name] : schema;
  const members = Object.entries(target?.properties ?? {});
  if (members.length === 0 || seen.includes(name)) return [element("p", {}, kind(schema))];
  const rows = members.map(([key, value]) => [
    element("code", {}, key),
    kind(value),
    words(value.description ?? ""),
  ]);
  const inner = members
    .flatMap(([, value]) => [value, value.items, ...(value.anyOf ?? [])])
    .filter((value) => value?.$ref && schemas[value.$ref.split("/").pop()]?.properties);
  const further = inner.map((value) =>
    element(
      "details",
      {},
      element("summary", {}, kind(value)),
      ...shape(value, schemas, [...seen, name]),
    ),
  );
  return [table(["Member", "Is", "Meaning"], rows), ...further];
}

function route(path, method, operation, schemas) {
  const example = operation["x-example"];
  const address = example ? `${path}?${example}` : path;
  const url = new URL(address, location.origin).href;
  const command = method === "get" ? `curl '${url}'` : `curl --data-binary @token '${url}'`;
  const parts = [
    element("h2", {}, element("b", {}, method.toUpperCase()), " ", element("code", {}, path)),
    element("p", {}, ...words(operation.summary)),
    element("pre", {}, command),
  ];
  if (method === "get") parts.push(element("p", {}, element("a", { href: address }, "Try it")));
  if (operation.parameters.length > 0) {
    const rows = operation.parameters.map(({ name, schema, description }) => [
      element("code", {}, name),
      kind(schema),
      words(description),
    ]);
    parts.push(element("h3", {}, "Parameters"), table(["Name", "Takes", "Meaning"], rows));
  }
  parts.push(element("h3", {}, "Answers"));
  const answers = Object.entries(operation.responses).map(([status, { description, content }]) => [
    status,
    words(description),
    Object.keys(content ?? {}).join(", "),
  ]);
  parts.push(table(["Status", "Meaning", "Type"], answers));
  for (const [type, { schema }] of Object.entries(operation.responses["200"]?.content ?? {})) {
    const told = schema["x-data"] ?? schema;
    if (type === "application/json" || schema["x-data"]) {
      const title = schema["x-data"] ? "The data of an event" : "The answer";
      const summary = element("summary", {}, title);
      parts.push(element("details", {}, summary, ...shape(told, schemas)));
    }
  }
  return element("section", { id: path }, ...parts);
}

function show({ info, paths, components }) {
  document.getElementById("about").replaceChildren(`Version ${info.version}. ${info.description}`);
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [path, method, operation]),
  );
  const links = routes.map(([path]) => element("a", { href: `#${path}` }, path));
  document.getElementById("contents").replaceChildren(...links);
  const sections = routes.map((parts) => route(...parts, components.schemas));
  document.getElementById("routes").replaceChildren(...sections);
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const answer = await fetch("/api/v1/openapi.json");
  if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
  show(await answer.json());
} catch (error) {
  const told = element("p", { role: "alert" }, `The document cannot be read: ${error.message}`);
  document.getElementById("routes").replaceChildren(told);
}
