// Server-Sent Events by fetch, so that the key header can be sent; resumed with Last-Event-ID.

import { Problem, send, Unreachable } from "./api.js";
import { pause } from "./pace.js";

const FIRST_WAIT = 1000; // ms before the first new attempt; doubled up to LONGEST_WAIT
const LONGEST_WAIT = 30_000;
const SILENCE = 40_000; // ms; the server sends a comment every 15 s, so two were missed

/** Splits a stream's text into frames. push(text) returns the events that are complete. */
export function frames() {
  let rest = "";
  return (text) => {
    rest = (rest + text).replaceAll("\r\n", "\n");
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    return blocks.map(frame).filter((event) => event !== null);
  };
}

/** A connection that breaks off; a mistake of ours in handling an event stays what it is. */
function cut(error) {
  throw error instanceof TypeError ? new Unreachable(error.message) : error;
}

function frame(block) {
  const event = { id: null, type: "message", data: "" };
  const data = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "id") event.id = value;
    else if (name === "event") event.type = value;
    else if (name === "data") data.push(value);
  }
  event.data = data.join("\n");
  return data.length ? event : null;
}

/**
 * Follow a stream until `onEvent` returns false or close() is called.
 * onState gets "connecting", "live", "waiting" (with ms) and "closed" (with a message when the server refused).
 */
export function follow(path, { lastId = null, onEvent, onState }) {
  const stop = new AbortController();
  let seen = lastId;
  let wait = FIRST_WAIT;

  async function read() {
    const silent = new AbortController();
    const abort = () => silent.abort();
    stop.signal.addEventListener("abort", abort);
    let timer = setTimeout(abort, SILENCE);
    try {
      const headers = { Accept: "text/event-stream", ...(seen === null ? {} : { "Last-Event-ID": String(seen) }) };
      const response = await send(path, { headers, cache: "no-store", signal: silent.signal });
      onState("live");
      const push = frames();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read().catch(cut);
        if (done) return true;
        clearTimeout(timer);
        timer = setTimeout(abort, SILENCE);
        wait = FIRST_WAIT;
        for (const event of push(value)) {
          if (event.id !== null) seen = event.id;
          if (onEvent(JSON.parse(event.data)) === false) return false;
        }
      }
    } finally {
      clearTimeout(timer);
      stop.signal.removeEventListener("abort", abort);
      silent.abort();
    }
  }

  async function loop() {
    while (!stop.signal.aborted) {
      onState("connecting");
      try {
        if (!(await read())) break;
      } catch (error) {
        if (error instanceof Problem && error.status < 500 && error.status !== 429) return onState("closed", error.message);
        if (!(error instanceof Problem || error instanceof Unreachable || error.name === "AbortError")) throw error;
      }
      if (stop.signal.aborted) break;
      const delay = wait * (0.75 + Math.random() / 2); // apart, so that a restarted server is not stormed
      wait = Math.min(2 * wait, LONGEST_WAIT);
      onState("waiting", delay);
      await pause(delay, stop.signal);
    }
    return onState("closed", "");
  }

  loop();
  return { close: () => stop.abort(), closed: () => stop.signal.aborted, seen: () => seen };
}
