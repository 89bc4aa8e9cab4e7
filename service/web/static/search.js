// One search: reads it once, then follows its events and reads again what they change.

import { explain, get, Problem } from "./api.js";
import { wireActions } from "./actions.js";
import { board } from "./board.js";
import { charts } from "./charts.js";
import { alertText, byId, show } from "./dom.js";
import { follow } from "./events.js";
import { paced } from "./pace.js";
import { running } from "./running.js";
import { FINAL, setLink } from "./states.js";
import { renderSearch } from "./summary.js";
import { openTrial, trialDialog } from "./trial.js";
import { renderVerdict } from "./verdict.js";

const SEARCH_MS = 700; // at most one read of each kind in that time, however fast the events come
const BOARD_MS = 1000;
const AWAY_MS = 60_000; // a page nobody looks at gives its connection back: browsers allow a host only six

const root = byId("search");
const path = `/v1/searches/${encodeURIComponent(root.dataset.id)}`;
const live = running(byId("running"), (number) => openTrial(number));
const table = board(path, (number) => openTrial(number));
let search = null;
const figures = charts(path, root.dataset.plotly, (number) => openTrial(number), () => search !== null && FINAL.has(search.state));
let stream = null;
let ended = false; // the stream told the end, perhaps before the search was read again

const attempt = (action) => async () => {
  try {
    await action();
    alertText("");
  } catch (error) {
    alertText(explain(error));
  }
};

async function readSearch() {
  search = await get(path);
  renderSearch(search);
  root.setAttribute("aria-busy", "false");
  const over = FINAL.has(search.state);
  live.finished(over || search.state === "paused");
  show(byId("family"), over && search.best !== null);
  if (over && search.conclusion) await renderVerdict(path, search);
}

const refreshSearch = paced(attempt(readSearch), SEARCH_MS);
const refreshBoard = paced(attempt(table.read), BOARD_MS);

function refreshAll() {
  refreshSearch();
  refreshBoard();
  figures.stale();
}

function onEvent(event) {
  const [subject, what] = event.type.split(".");
  live.take(event);
  if (event.type === "trial.epoch") {
    figures.stale("curves");
  } else if (subject === "search") {
    refreshAll();
    ended = FINAL.has(what);
    if (ended) return false;
  } else {
    refreshSearch();
    if (what === "finished") {
      refreshBoard();
      figures.stale();
    }
  }
  return true;
}

function onState(state, detail) {
  const over = ended || (search && FINAL.has(search.state));
  setLink(byId("link"), state, detail || (over ? "Finished" : "Not following"));
  // what happened while the connection was down is in the events that follow, but a quiet search sends none
  if (state === "live" && stream?.lost) refreshAll();
  if (stream) stream.lost = state === "waiting";
}

function start(lastId) {
  stream = { lost: false, ...follow(`${path}/events`, { lastId, onEvent, onState }) };
}

let away = null;

function looked() {
  clearTimeout(away);
  if (!stream || !search || FINAL.has(search.state)) return;
  if (document.hidden) {
    away = setTimeout(() => stream.close(), AWAY_MS);
  } else if (stream.closed()) {
    start(stream.seen());
    refreshAll();
  }
}

async function open() {
  try {
    await readSearch();
  } catch (error) {
    const unknown = error instanceof Problem && error.status === 404;
    alertText(unknown ? "There is no such search, or it is not yours." : explain(error));
    if (unknown) return;
  }
  await Promise.all([attempt(table.read)(), live.load(path)]);
  show(byId("rest"), true);
  figures.watch();
  if (search && FINAL.has(search.state)) onState("closed", "");
  else start(search?.last_event_id ?? null);
}

wireActions(path, () => search, refreshAll);
trialDialog(path);
document.addEventListener("visibilitychange", looked);
open();
