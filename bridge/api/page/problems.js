// What is wrong, and what a person can do about it: a pure function of the state. A problem is {key, level: "wrong" | "attention",
// title, why, todo: [{text, command}], gateway}. The worst come first.

import {count, grouped, moment} from "./words.js";

const kEachMax = 5;  // problems of one kind that are shown one by one

export function problems(state, now = Date.now()) {
  if (state.connection === "gone") return [gone(state, now)];
  const {status} = state;
  if (!status) return [];
  const found = [...of_broker(status, now), ...of_gateway(status, now), ...of_peers(state.peers ?? [], now), ...of_daemon(status, now), ...of_counters(status), ...of_dead(state.dead)];
  return found.sort((a, b) => (a.level === b.level ? 0 : a.level === "wrong" ? -1 : 1));
}

function gone(state, now) {
  return {
    key: "gone", level: "wrong", title: "The daemon does not answer",
    why: `No answer since ${moment(state.since, now)}. What you see is what was known then; it is asked again every few seconds.`,
    todo: [{text: "See whether it runs, and start it", command: "clawbridge run"},
           {text: "Find out why it ended", command: "clawbridge doctor"}],
  };
}

const since = (part, now) => (part.since ? ` Since ${moment(part.since, now)}.` : "");

function of_broker(status, now) {
  const {broker} = status;
  const found = [];
  if (status.state === "name_conflict") {
    found.push({
      key: "name", level: "wrong", title: `Another bridge calls itself ${status.gateway}`,
      why: "Two bridges of one name would take each other's messages, so this one stays away from the broker.",
      todo: [{text: "Give one of them another gateway.name in its settings, and restart it"}],
    });
  } else if (broker.state !== "connected") {
    found.push({
      key: "broker", level: "wrong", title: "The broker cannot be reached", gateway: "",
      why: `${sentence(broker.error || "the connection is being made")}${since(broker, now)} Nothing is lost: requests wait in the journal and go out when it is back.`,
      todo: [{text: "See which step fails: name, TCP, TLS, login or rights", command: "clawbridge doctor"}],
    });
  } else if (broker.error) {
    found.push({
      key: "broker-error", level: "wrong", title: "The broker does not do all that it should", gateway: "",
      why: sentence(broker.error) + since(broker, now),
      todo: [{text: "See which right or feature is missing", command: "clawbridge doctor"}],
    });
  }
  if (broker.insecure) {
    found.push({
      key: "insecure", level: "attention", title: "Whoever answers is believed to be the broker", gateway: "",
      why: "broker.insecure is true, so its certificate is not checked.",
      todo: [{text: "Name the authority that signed its certificate in broker.ca, and remove broker.insecure"}],
    });
  }
  return found;
}

function of_gateway(status, now) {
  const gateway = status.agentGateway;
  if (gateway.connected) return [];
  return [{
    key: "gateway", level: "wrong", title: `The agent gateway of ${status.gateway} is down`, gateway: status.gateway,
    why: `${sentence(gateway.error || "it has not answered yet")}${since(gateway, now)} Requests for its agents wait until it is back.`,
    todo: [...(gateway.kind === "openclaw" ? [{text: "See whether it runs", command: "openclaw gateway status"}] : []),
           {text: "See what the bridge needs of it", command: "clawbridge doctor"}],
  }];
}

function of_peers(peers, now) {
  const changed = peers.filter((peer) => peer.offeredFingerprint);
  const pending = peers.filter((peer) => peer.trust === "pending" && !peer.offeredFingerprint);
  const waiting = peers.filter((peer) => peer.openOutgoing > 0 && peer.presence === "offline");
  const headless = peers.filter((peer) => peer.presence === "degraded" && peer.trust !== "revoked");
  return [
    ...some(changed, "other keys claim their names", (peer) => ({
      key: `changed ${peer.gateway}`, level: "wrong", title: `Other keys claim to be ${peer.gateway}`, gateway: peer.gateway,
      why: "Somebody uses its name with keys that its old ones do not vouch for. Unless its keys were made anew, this is an impostor; its messages are refused.",
      todo: [{text: `Ask the person at ${peer.gateway} to read its fingerprint to you`, command: "clawbridge key show"},
             {text: `Only if it begins with ${grouped(peer.offeredFingerprint)}, trust it, with the fingerprint that was read to you`,
              command: `clawbridge peers trust ${peer.gateway} FINGERPRINT`}],
    })),
    ...some(pending, "gateways wait for your trust", (peer) => ({
      key: `pending ${peer.gateway}`, level: "attention", title: `${peer.gateway} waits for your trust`, gateway: peer.gateway,
      why: "It does not know the join secret, so nothing is sent to it or taken from it.",
      todo: [{text: `Ask the person at ${peer.gateway} to read its fingerprint to you`, command: "clawbridge key show"},
             {text: `Only if it begins with ${grouped(peer.fingerprint ?? "")}, trust it, with the fingerprint that was read to you`,
              command: `clawbridge peers trust ${peer.gateway} FINGERPRINT`}],
    })),
    ...some(headless, "gateways are down behind their bridges", (peer) => ({
      key: `headless ${peer.gateway}`, level: "attention", title: `The agent gateway of ${peer.gateway} is down`, gateway: peer.gateway,
      why: `Its bridge is there, and keeps requests until the gateway is back.${peer.since ? ` Since ${moment(peer.since, now)}.` : ""}`,
      todo: [{text: `On ${peer.gateway}`, command: "clawbridge doctor"}],
    })),
    ...some(waiting, "gateways are offline and have requests waiting", (peer) => ({
      key: `waiting ${peer.gateway}`, level: "attention", title: `${count(peer.openOutgoing, "request")} for ${peer.gateway} ${peer.openOutgoing === 1 ? "waits" : "wait"}`,
      gateway: peer.gateway, why: `It is offline${peer.since ? ` since ${moment(peer.since, now)}` : ""}. They run when it is back, unless they expire first.`,
      todo: [{text: `Start the bridge on ${peer.gateway}`, command: "clawbridge run"}],
    })),
  ];
}

const kQueues = {outgoing: "requests under way", incoming: "requests being answered", runs: "turns at once", asks: "questions to others", waiters: "callers that wait"};
const kFullFrom = 0.9;

function of_daemon(status, now) {
  const found = [];
  const failed = status.troubles?.find(({event, time}) => event === "store.commit_failed" && now - new Date(time) < 60_000);
  if (failed) {
    found.push({key: "journal", level: "wrong", title: "The journal takes nothing", why: `${sentence(failed.text || "it cannot be written")} Until it can, nothing is accepted and nothing is acted upon.`,
                todo: [{text: "Free space where store.path lies, or see what else is wrong with it", command: "clawbridge doctor"}]});
  }
  if (status.settings?.error) {
    found.push({key: "settings", level: "wrong", title: "The changed settings have an error", why: `${sentence(status.settings.error)} The old ones are in force.`,
                todo: [{text: "Mend them; they are read again by themselves", command: "clawbridge config check"}]});
  }
  if (status.settings?.restartNeeded?.length) {
    found.push({key: "restart", level: "attention", title: "Some changed settings wait for a restart", why: `${status.settings.restartNeeded.join(", ")}.`, todo: [{text: "Restart the daemon when it suits you"}]});
  }
  for (const {name, size, limit} of status.queues ?? []) {
    if (limit === 0 || size < kFullFrom * limit) continue;
    found.push({key: `queue ${name}`, level: size >= limit ? "wrong" : "attention", title: `${size.toLocaleString("en")} of ${limit.toLocaleString("en")} ${kQueues[name] ?? name}`,
                why: size >= limit ? "That is the limit: new ones are refused or put off." : "Near the limit, beyond which new ones are refused or put off.",
                todo: [{text: "See what is open, and for whom", command: "clawbridge exchange list"}]});
  }
  return found;
}

function of_counters(status) {
  const dropped = status.counters?.["queue.dropped"] ?? 0;
  const full = status.counters?.["send.busy"] ?? 0;
  const found = [];
  if (dropped > 0) {
    found.push({key: "dropped", level: "attention", title: `${count(dropped, "message")} of the broker had to be dropped`,
                why: "More came at once than the queue holds. Their senders send them again.",
                todo: [{text: "See who sends so much", command: "clawbridge watch"}]});
  }
  if (full > 0) {
    found.push({key: "full", level: "attention", title: `${count(full, "request")} of local agents ${full === 1 ? "was" : "were"} refused as busy`,
                why: "As many exchanges were open as limits.outgoing_open allows, or one of its sisters.",
                todo: [{text: "See what is open, and for whom", command: "clawbridge exchange list"}]});
  }
  return found;
}

function of_dead(dead) {
  if (!dead?.length) return [];
  return [{
    key: "dead", level: "attention", title: count(dead.length, "dead letter"),
    why: "Requests that were not carried out for certain, and that nobody has dealt with.",
    todo: [{text: "Read why, then ask again or drop them", link: "#/dead", words: "Dead letters"}],
  }];
}

/// One by one when they are few, else one for all.
function some(peers, words, each) {
  if (peers.length <= kEachMax) return peers.map(each);
  const names = peers.slice(0, kEachMax).map((peer) => peer.gateway).join(", ");
  const first = each(peers[0]);
  return [{...first, key: words, title: `${peers.length} ${words}`, why: `${names} and ${peers.length - kEachMax} more. ${first.why}`,
           todo: [{text: "See all of them", command: "clawbridge peers list"}]}];
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
