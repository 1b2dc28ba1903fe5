// What the search box of Now means. Words are looked for in what the page knows. A condition such as
// `unit=nginx.service and remote_ip in 10.0.0.0/8` is for the server to judge, by the one grammar
// that there is: the page asks which processes and remotes had such traffic lately.

import { get } from "./api.js";

const AGAIN_MS = 3000;
const AFTER_TYPING_MS = 250;
const MAX_ROWS = 10_000;

const FIELDS =
  "process|pid|exe|command_line|user|app|unit|container|pod|package|tunnel|attribution|protocol|remote_ip|remote_port|local_port";
const CONDITION = new RegExp(`(?:^|[\\s(])(?:${FIELDS})\\s*(?:!?[=~]|[<>]|(?:not\\s+)?in\\b)`, "iu");

/** Whether a text is a condition and not words. */
export const isCondition = (text) => CONDITION.test(text);

const processKey = (process, pid) => `${pid} ${process}`;
const remoteKey = (protocol, ip, port) => `${protocol} ${ip} ${port}`;

export class LiveFilter {
  text = "";
  /** Null where it is not a condition, or not answered yet. */
  found = null;
  /** Why it cannot be judged. */
  problem = "";

  constructor(onChange) {
    this.onChange = onChange;
    this.asked = 0;
    setInterval(() => {
      if (this.isCondition && !document.hidden) this.ask();
    }, AGAIN_MS);
  }

  get isCondition() {
    return isCondition(this.text);
  }

  set(text) {
    if (text === this.text) return;
    this.text = text;
    this.found = null;
    this.problem = "";
    this.asked += 1;
    clearTimeout(this.timer);
    if (this.isCondition) this.timer = setTimeout(() => this.ask(), AFTER_TYPING_MS);
    this.onChange();
  }

  async ask() {
    const asked = (this.asked += 1);
    const question = { since: "-2m", where: this.text, limit: MAX_ROWS };
    try {
      const [processes, remotes] = await Promise.all([
        get("usage", { ...question, group_by: "process,pid,protocol" }),
        get("usage", { ...question, group_by: "remote_ip,remote_port,protocol" }),
      ]);
      if (asked !== this.asked) return;
      this.found = {
        processes: new Set(processes.rows.map((row) => processKey(row.process, row.pid))),
        remotes: new Set(remotes.rows.map((row) => remoteKey(row.protocol, row.remote_ip, row.remote_port))),
      };
      this.problem = "";
    } catch (error) {
      if (asked !== this.asked) return;
      this.found = null;
      this.problem = error.message;
    }
    this.onChange();
  }

  hasProcess({ process, pid }) {
    return this.found?.processes.has(processKey(process, pid)) ?? false;
  }

  hasRemote({ protocol, remote_ip: ip, remote_port: port }) {
    return this.found?.remotes.has(remoteKey(protocol, ip, port)) ?? false;
  }
}
