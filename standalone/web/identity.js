// Who a process is, in words. No elements here.

import { visible } from "./format.js";

const KNOWN_FROM = {
  kernel: "Recorded in the kernel at its first bytes: complete",
  proc: "Read from /proc while it lived",
  name: "Its name and user alone: it ended before it could be looked at",
  unknown: "Nothing but the kernel’s count",
};

/** Each with its label, how to read it, and whether it is worth copying. */
const FACTS = [
  ["Application", ({ app }) => app, "code"],
  ["Command line", ({ command_line: text }) => text, "code"],
  ["Executable", ({ exe }) => exe, "code"],
  ["Started by", ({ parents }) => chain(parents), "text"],
  ["User", (process) => userAndGroup(process), "text"],
  ["Unit", ({ unit }) => unit, "code"],
  ["Container", ({ container }) => container, "code"],
  ["Pod", ({ pod }) => pod, "code"],
  ["Package", ({ package: text }) => text, "code"],
  ["Control group", ({ cgroup }) => cgroup, "code"],
  ["Network namespace", ({ network_namespace: inode }) => inode, "text"],
  ["Tunnel", ({ tunnel }) => (tunnel ? "What others send through it, it sends once more" : null), "text"],
  ["Known from", ({ attribution }) => KNOWN_FROM[attribution] ?? attribution, "text"],
];

/** What is known of processes: `{ label, text, kind }`; of several, what they share. */
export function facts(processes) {
  const known = processes.map(({ app, exe, user, identity }) => ({ app, exe, user, ...identity }));
  const told = [];
  for (const [label, of, kind] of FACTS) {
    const texts = [...new Set(known.map((process) => of(process) ?? null))];
    const [first] = texts.filter((text) => text !== null);
    if (first === undefined) continue;
    if (texts.length === 1) told.push({ label, text: visible(String(first)), kind });
    else told.push({ label, text: differing(texts), kind: "text" });
  }
  return told;
}

/** Parents come nearest first; whoever started all of it is read first. */
function chain(parents) {
  if (!parents?.length) return null;
  return parents.map(({ pid, name }) => `${visible(name)} (${pid})`).reverse().join(" › ");
}

function userAndGroup({ user, gid }) {
  if (user === null || user === undefined) return null;
  return gid === undefined ? user : `${user}, group ${gid}`;
}

function differing(texts) {
  const known = texts.filter((text) => text !== null);
  if (known.length === 1) return `${visible(String(known[0]))}, but not all`;
  return `${known.length} different`;
}

/** Whether a process has the text in what a person would look for. `wanted` is in lower case. */
export function fits(process, wanted) {
  if (wanted === "") return true;
  const { unit, container, pod, package: bundle, command_line: command } = process.identity ?? {};
  const { app, process: name, pid, user, exe } = process;
  return [app, name, String(pid), user, exe, command, unit, container, pod, bundle].some((text) =>
    text?.toLowerCase().includes(wanted),
  );
}
