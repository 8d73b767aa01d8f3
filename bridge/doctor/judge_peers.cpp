// The other gateways: trust, presence, clocks.
#include <algorithm>
#include <cstdlib>

#include "bridge/doctor/judges.h"
#include "bridge/doctor/marks.h"

namespace clawbridge::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDrift{60};
constexpr std::chrono::minutes kSkewAllowed{5};  // wire contract, "Security"
constexpr std::size_t kNamesShown = 8;

/// "20 s ago", to a second below a minute and by whole units above.
std::string ago(WallTime then, WallTime now) {
  const auto past = std::chrono::duration_cast<seconds>(now - then).count();
  if (past < 1) return "now";
  if (past < 120) return std::to_string(past) + " s ago";
  if (past < 7200) return std::to_string(past / 60) + " min ago";
  if (past < 172'800) return std::to_string(past / 3600) + " h ago";
  return std::to_string(past / 86'400) + " days ago";
}

std::string span_of(milliseconds offset) {
  const auto count = std::abs(std::chrono::duration_cast<seconds>(offset).count());
  const std::string size = count < 120    ? std::to_string(count) + " s"
                           : count < 7200 ? std::to_string(count / 60) + " min"
                                          : std::to_string(count / 3600) + " h";
  return size + (offset.count() < 0 ? " behind" : " ahead");
}

std::string several(std::vector<std::string> texts) {
  if (texts.size() <= kNamesShown) return joined(texts);
  const auto more = texts.size() - kNamesShown;
  texts.resize(kNamesShown);
  return joined(texts) + " and " + std::to_string(more) + " more";
}

template <class Wanted, class Text>
std::vector<std::string> each(const std::vector<PeerSeen>& peers, Wanted wanted, Text text) {
  std::vector<std::string> texts;
  for (const auto& peer : peers) {
    if (wanted(peer)) texts.push_back(text(peer));
  }
  return texts;
}

constexpr const char* kNobodyAsked = "neither the daemon nor the broker could be asked";

}  // namespace

Verdict judge_peers_trust(const Observations& seen) {
  if (!seen.peers) return skip(kNobodyAsked);
  const auto changed = each(
      *seen.peers, [](const auto& peer) { return !peer.offered_fingerprint.empty(); },
      [](const auto& peer) { return peer.gateway + " (offered: " + peer.offered_fingerprint.substr(0, 32) + ")"; });
  if (!changed.empty()) return fail("peers.trust.key_changed", "other keys claim the name of " + several(changed));
  const auto pending = each(
      *seen.peers, [](const auto& peer) { return peer.trust == "pending"; },
      [](const auto& peer) { return peer.gateway + " (" + peer.fingerprint.substr(0, 32) + ")"; });
  if (!pending.empty()) return warn("peers.trust.pending", "not trusted: " + several(pending));
  const auto trusted = each(
      *seen.peers, [](const auto& peer) { return peer.trust != "revoked"; },
      [](const auto& peer) { return peer.gateway + " " + peer.trust; });
  if (trusted.empty() && !seen.settings.has_peers)
    return warn("peers.trust.no_secret", "neither trust.join nor peers is set");
  return good(trusted.empty() ? "no other gateway was seen yet" : several(trusted));
}

Verdict judge_peers_present(const Observations& seen) {
  if (!seen.peers) return skip(kNobodyAsked);
  const auto told = each(
      *seen.peers, [](const auto& peer) { return peer.trust != "revoked"; },
      [&](const auto& peer) {
        std::string text = peer.gateway + " " + peer.presence;
        if (peer.presence == "offline" && peer.since) text += " since " + ago(*peer.since, seen.now);
        if (peer.last_exchange) text += ", last exchange " + ago(*peer.last_exchange, seen.now);
        return text;
      });
  return good(told.empty() ? "nobody else" : several(told));
}

Verdict judge_peers_answer(const Observations& seen) {
  if (!seen.daemon || !seen.daemon->answers() || !seen.peers) return skip("the daemon is not running");
  const auto name = [](const auto& peer) { return peer.gateway; };
  const auto silent = each(
      *seen.peers, [](const auto& peer) { return peer.answers == Shown::No; }, name);
  if (!silent.empty()) return warn("peers.answer.silent", "no answer to a ping: " + several(silent));
  const auto answered = each(
      *seen.peers, [](const auto& peer) { return peer.answers == Shown::Yes; }, name);
  return answered.empty() ? skip("nobody is online who could be asked") : good(several(answered));
}

Verdict judge_peers_clock(const Observations& seen) {
  if (!seen.peers) return skip(kNobodyAsked);
  const auto off_by = [](milliseconds least) {
    return [least](const auto& peer) { return peer.ahead && std::chrono::abs(*peer.ahead) > least; };
  };
  const auto text = [](const auto& peer) { return peer.gateway + " is " + span_of(*peer.ahead); };
  if (const auto far = each(*seen.peers, off_by(kSkewAllowed), text); !far.empty())
    return fail("peers.clock.differs", "compared with this machine, " + several(far));
  if (const auto drifting = each(*seen.peers, off_by(kDrift), text); !drifting.empty())
    return warn("peers.clock.drifts", "compared with this machine, " + several(drifting));
  const auto known = std::ranges::count_if(*seen.peers, [](const auto& peer) { return peer.ahead.has_value(); });
  return known == 0 ? skip("nobody could be compared with") : good("within a minute");
}

}  // namespace clawbridge::doctor
