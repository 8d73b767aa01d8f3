#include "bridge/store/journal_db.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bridge/store/records.h"
#include "bridge/store/rows.h"
#include "topics/ulid.h"

namespace clawbridge::store {
namespace {

constexpr std::size_t kInlineBytesMax = 16 * 1024;  // see schema.cpp, `large`

std::string_view view_of(const Bytes32& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A payload as it goes into its row: left out when empty, and when it is large.
void bind_payload(Statement& statement, int at, std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kInlineBytesMax) {
    statement.bind_null(at);
  } else {
    statement.bind_blob(at, bytes);
  }
}

void bind_optional(Statement& statement, int at, std::string_view bytes) {
  if (bytes.empty()) {
    statement.bind_null(at);
  } else {
    statement.bind_blob(at, bytes);
  }
}

void bind_error(Statement& statement, int at, const std::optional<Error>& error) {
  if (!error) {
    for (int i = 0; i < 3; ++i) statement.bind_null(at + i);
    return;
  }
  statement.bind_text(at, to_string(error->code));
  statement.bind_text(at + 1, error->message);
  statement.bind_number(at + 2, error->retryable ? 1 : 0);
}

}  // namespace

struct JournalDb::Statements {
  explicit Statements(Db& connection) : db(connection) {}

  Db& db;

  Statement begin{db, "BEGIN"};
  Statement commit{db, "COMMIT"};

  Statement put_outgoing{
      db,
      "INSERT INTO outgoing (row, id, source, target, op, session, created, expiry, incarnation, receipt, stage, "
      "reason, "
      "run_id, stages, status, error_code, error_message, error_retryable, ended, request, reply, asker, chain, dead, "
      "child_session_key, deliver_late) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26) "
      "ON CONFLICT (id) DO NOTHING"};
  Statement update_outgoing{
      db,
      "UPDATE outgoing SET receipt = ?2, stage = ?3, reason = ?4, run_id = ?5, stages = ?6, status = ?7, error_code = "
      "?8, "
      "error_message = ?9, error_retryable = ?10, ended = ?11, reply = coalesce(?12, reply), dead = ?13, "
      "child_session_key = ?14, deliver_late = ?15 WHERE id = ?1"};
  Statement told{db, "UPDATE outgoing SET deliver_late = 0 WHERE id = ?1"};
  Statement bury_outgoing{db, "UPDATE outgoing SET dead = 0 WHERE id = ?1"};
  Statement outgoing_row{db, "SELECT row FROM outgoing WHERE id = ?1"};
  Statement remove_outgoing{db, "DELETE FROM outgoing WHERE row = ?1"};
  Statement clear_outgoing_reply{db, "UPDATE outgoing SET reply = NULL WHERE row = ?1"};
  Statement old_outgoing{db,
                         "SELECT row FROM outgoing WHERE id < ?1 AND status <> '' AND ended < ?2 ORDER BY id LIMIT ?3"};

  Statement put_incoming{db,
                         "INSERT INTO incoming (row, source_gateway, id, digest, source, target, op, session, "
                         "session_key, expiry, received, "
                         "stage, attempt, boot_id, run_id, status, stages, ended, acknowledged, receipt, request, "
                         "reply, sealed, losses, dead, checksum) VALUES (?1, ?2, ?3, "
                         "?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, "
                         "checksum(?2, ?3, ?4, ?5, ?6, ?7, ?8, ?10, ?11, ?23, ?9, ?12, ?13, ?14, ?24)) "
                         "ON CONFLICT (source_gateway, id) DO NOTHING"};
  Statement update_incoming{db,
                            ("UPDATE incoming SET session_key = ?3, stage = ?4, attempt = ?5, boot_id = ?6, run_id = "
                            "?7, status = ?8, stages = ?9, "
                            "ended = ?10, receipt = coalesce(?11, receipt), reply = coalesce(?12, reply), losses = ?13, dead = ?14, "
                            "checksum = CASE WHEN checksum = checksum(" + kTurnColumns + ") THEN checksum(" + kTurnColumnsKept + ", ?3, ?4, ?5, ?6, ?13) "
                            "ELSE checksum END WHERE "
                            "source_gateway = ?1 AND id = ?2").c_str()};
  Statement bury_incoming{db, "UPDATE incoming SET dead = 0 WHERE source_gateway = ?1 AND id = ?2"};
  Statement acknowledge{db, "UPDATE incoming SET acknowledged = 1 WHERE source_gateway = ?1 AND id = ?2"};
  Statement incoming_row{db, "SELECT row FROM incoming WHERE source_gateway = ?1 AND id = ?2"};
  Statement remove_incoming{db, "DELETE FROM incoming WHERE row = ?1"};
  Statement clear_incoming_reply{db, "UPDATE incoming SET reply = NULL WHERE row = ?1"};
  Statement old_incoming{
      db,
      "SELECT row, source_gateway, id, expiry, coalesce(length(request), (SELECT length(bytes) FROM large WHERE "
      "large.id = incoming.row * 8 + 4), 0) + coalesce(length(reply), (SELECT length(bytes) FROM large WHERE large.id = "
      "incoming.row * 8 + 5), 0), acknowledged <> 0 OR stage = 'tombstone' FROM incoming WHERE expiry < ?1 AND stage IN ('ended', 'tombstone') AND "
      "(acknowledged <> 0 OR max(ended, received) < ?2) ORDER BY expiry LIMIT ?3"};

  Statement put_large{db, "INSERT OR REPLACE INTO large (id, bytes) VALUES (?1, ?2)"};
  Statement remove_large{db, "DELETE FROM large WHERE id = ?1"};

  Statement put_peer{
      db,
      "INSERT OR REPLACE INTO peer (gateway, trust, sign_key, box_key, incarnation, epoch, revision, state, seen, "
      "previous_sign_key, previous_box_key, previous_until, revoked) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"};
  Statement remove_peer{db, "DELETE FROM peer WHERE gateway = ?1"};
  Statement raise_mark{
      db,
      "INSERT INTO replay_mark (gateway, id_time, expiry, forgotten) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (gateway) DO UPDATE SET "
      "id_time = max(id_time, excluded.id_time), expiry = max(expiry, excluded.expiry), forgotten = max(forgotten, excluded.forgotten)"};
  Statement marks{db, "SELECT gateway, id_time, expiry, forgotten FROM replay_mark ORDER BY gateway"};
  Statement put_epoch{db, "UPDATE bridge SET epoch = ?1"};

  Statement get_outgoing{db,
                         ("SELECT " + kOutgoingColumns + kOutgoingPayloads + " FROM outgoing WHERE id = ?1").c_str()};
  Statement get_incoming{
      db, ("SELECT " + kIncomingColumns + kIncomingPayloads + " FROM incoming WHERE source_gateway = ?1 AND id = ?2")
              .c_str()};
  Statement find_incoming{
      db, (kSourceGateways + "SELECT " + kIncomingColumns + kIncomingPayloads +
           " FROM source CROSS JOIN incoming ON source_gateway = source.name AND incoming.id = ?1 LIMIT 1")
              .c_str()};
  Statement list_outgoing{db, ("SELECT " + kOutgoingColumns + " FROM outgoing ORDER BY id DESC LIMIT ?1").c_str()};
  Statement list_incoming{db, ("SELECT " + kIncomingColumns + " FROM incoming ORDER BY row DESC LIMIT ?1").c_str()};
  Statement dead_outgoing{
      db, ("SELECT " + kOutgoingColumns + " FROM outgoing WHERE dead <> 0 ORDER BY id DESC LIMIT ?1").c_str()};
  Statement dead_incoming{
      db, ("SELECT " + kIncomingColumns + " FROM incoming WHERE dead <> 0 ORDER BY row DESC LIMIT ?1").c_str()};
  Statement count_dead_outgoing{db, "SELECT count(*) FROM outgoing WHERE dead <> 0"};
  Statement count_dead_incoming{db, "SELECT count(*) FROM incoming WHERE dead <> 0 AND source_gateway <> ?1"};
};

// ---- opening ----

Result<JournalDb::Opened> JournalDb::open(const std::filesystem::path& path, Durability durability,
                                          core::Random& random) {
  auto file = open_journal_file(path, durability, random);
  if (!file) return file.error();
  return Opened{std::unique_ptr<JournalDb>(new JournalDb(std::move(file->db))), std::move(file->warning)};
}

JournalDb::JournalDb(std::unique_ptr<Db> db) : db_(std::move(db)), statements_(std::make_unique<Statements>(*db_)) {}

core::Snapshot JournalDb::snapshot_of(std::unique_ptr<Db> db) { return JournalDb(std::move(db)).restore(); }

JournalDb::~JournalDb() = default;

core::Snapshot JournalDb::restore() {
  core::Snapshot snapshot;
  snapshot.incarnation = db_->text("SELECT incarnation FROM bridge");
  snapshot.epoch = static_cast<std::uint64_t>(db_->number("SELECT epoch FROM bridge"));
  snapshot.last_id = db_->text("SELECT max(id) FROM outgoing");
  Statement outgoing(*db_, ("SELECT " + kOutgoingColumns + " FROM outgoing WHERE status = '' ORDER BY id").c_str());
  while (outgoing.step()) snapshot.outgoing.push_back(outgoing_from(outgoing, false));
  Statement answered(*db_,
                     "SELECT target, id FROM outgoing WHERE reply IS NOT NULL OR EXISTS (SELECT 1 FROM large WHERE large.id = "
                     "outgoing.row * 8 + 1) ORDER BY id DESC LIMIT ?1");
  answered.bind_number(1, core::kAnsweredMax);
  while (answered.step()) snapshot.answered.emplace_back(address_from(answered.bytes(0)).gateway, answered.text(1));
  Statement untold(*db_, "SELECT id FROM outgoing WHERE deliver_late <> 0 AND status <> '' ORDER BY id");
  while (untold.step()) snapshot.untold.push_back(untold.text(0));
  Statement incoming(
      *db_,
      ("SELECT " + kIncomingColumns + ", checksum = checksum(" + kTurnColumns +
       ") FROM incoming WHERE stage NOT IN ('ended', 'tombstone') ORDER BY row")
          .c_str());
  while (incoming.step()) {
    auto record = incoming_from(incoming, false);
    if (incoming.number(21) == 0) db_->fail_damaged("request " + record.id + " from " + record.source_gateway + " is not as it was written");
    snapshot.incoming.push_back(std::move(record));
  }
  Statement peers(
      *db_,
      "SELECT gateway, trust, sign_key, box_key, incarnation, epoch, revision, state, seen, previous_sign_key, "
      "previous_box_key, previous_until, revoked FROM peer ORDER BY gateway");
  while (peers.step()) {
    snapshot.peers.push_back({peers.text(0), trust_from(peers.bytes(1)), bytes32_from(peers.bytes(2)),
                              bytes32_from(peers.bytes(3)), peers.text(4), static_cast<std::uint64_t>(peers.number(5)),
                              static_cast<std::uint64_t>(peers.number(6)), peers.text(7), from_ms(peers.number(8)),
                              bytes32_from(peers.bytes(9)), bytes32_from(peers.bytes(10)), from_ms(peers.number(11)),
                              words_from(peers.bytes(12))});
  }
  snapshot.replay_marks = replay_marks();
  Statement newest(
      *db_, (kSourceGateways + "SELECT name, (SELECT max(id) FROM incoming WHERE source_gateway = name) FROM source "
                               "WHERE name IS NOT NULL ORDER BY name")
                .c_str());
  while (newest.step()) snapshot.newest_ids.emplace_back(newest.text(0), newest.text(1));
  return snapshot;
}

// ---- applying and committing ----

void JournalDb::apply(core::StoreOrder order) {
  uncommitted_.push_back(std::move(order));
  if (rolled_back_) return;  // the next read or commit catches up
  try {
    write_in_transaction(uncommitted_.back());
  } catch (const StoreError& error) {
    if (!is_full(error.code())) throw;
    roll_back();
  }
}

std::optional<Error> JournalDb::commit() {
  if (uncommitted_.empty()) return std::nullopt;
  const auto failed = [this](int code, const std::string& why) -> Error {
    if (is_damage(code)) db_->fail("commit to", code);
    return {ErrorCode::StoreFull, why + "; free 64 MiB of disk or move store.path", true};
  };
  try {
    catch_up();
  } catch (const StoreError& error) {
    roll_back();
    if (!is_full(error.code())) throw;
    return failed(error.code(), error.what());
  }
  if (const int code = statements_->commit.try_run(); code != 0) {
    const std::string why = "cannot commit to the journal: " + db_->message();
    roll_back();
    return failed(code, why);
  }
  uncommitted_.clear();
  return std::nullopt;
}

void JournalDb::write_in_transaction(const core::StoreOrder& order) {
  if (!db_->in_transaction()) statements_->begin.run();
  std::visit([this](const auto& one) { write(one); }, order);
}

void JournalDb::roll_back() {
  if (db_->in_transaction()) db_->run("ROLLBACK");
  rolled_back_ = true;
  incoming_bytes_.reset();
}

void JournalDb::catch_up() {
  if (!rolled_back_) return;
  for (const auto& order : uncommitted_) write_in_transaction(order);
  rolled_back_ = false;
}

// ---- orders ----

void JournalDb::write(const core::store::PutOutgoing& order) {
  const auto& r = order.record;
  const std::string source = r.source.str();
  const std::string target = r.target.str();
  const std::string stages = stages_text(r.stages);
  const std::string chain = words_text(r.chain);
  const auto insert = [&](std::optional<std::int64_t> row) {
    const Use use(statements_->put_outgoing);
    auto& s = statements_->put_outgoing;
    row ? s.bind_number(1, *row) : s.bind_null(1);
    s.bind_text(2, r.id);
    s.bind_text(3, source);
    s.bind_text(4, target);
    s.bind_text(5, to_string(r.op));
    s.bind_text(6, r.session);
    s.bind_number(7, to_ms(r.created));
    s.bind_number(8, to_ms(r.expiry));
    s.bind_text(9, r.incarnation);
    s.bind_number(10, r.receipt ? 1 : 0);
    s.bind_text(11, r.stage);
    s.bind_text(12, r.reason);
    s.bind_text(13, r.run_id);
    s.bind_text(14, stages);
    s.bind_text(15, r.status);
    bind_error(s, 16, r.error);
    s.bind_number(19, to_ms(r.ended));
    bind_payload(s, 20, r.request);
    bind_payload(s, 21, r.reply);
    s.bind_text(22, r.asker);
    s.bind_text(23, chain);
    s.bind_number(24, r.dead ? 1 : 0);
    s.bind_text(25, r.child_session_key);
    s.bind_number(26, r.deliver_late ? 1 : 0);
    s.step();
    return db_->changes() != 0;
  };
  auto row = std::optional<std::int64_t>{};
  if (!insert(std::nullopt)) {
    row = outgoing_row(r.id);
    remove_outgoing(row.value());
    insert(row);
  }
  if (r.request.size() <= kInlineBytesMax && r.reply.size() <= kInlineBytesMax) return;
  if (!row) row = outgoing_row(r.id);
  if (r.request.size() > kInlineBytesMax) write_large(large_id(*row, LargeSlot::OutgoingRequest), r.request);
  if (r.reply.size() > kInlineBytesMax) write_large(large_id(*row, LargeSlot::OutgoingReply), r.reply);
}

void JournalDb::write(const core::store::UpdateOutgoing& order) {
  if (order.reply.size() > kInlineBytesMax) {
    if (const auto row = outgoing_row(order.id)) {
      statements_->clear_outgoing_reply.bind_number(1, *row);
      statements_->clear_outgoing_reply.run();
      write_large(large_id(*row, LargeSlot::OutgoingReply), order.reply);
    }
  }
  const std::string stages = stages_text(order.stages);
  auto& s = statements_->update_outgoing;
  s.bind_text(1, order.id);
  s.bind_number(2, order.receipt ? 1 : 0);
  s.bind_text(3, order.stage);
  s.bind_text(4, order.reason);
  s.bind_text(5, order.run_id);
  s.bind_text(6, stages);
  s.bind_text(7, order.status);
  bind_error(s, 8, order.error);
  s.bind_number(11, to_ms(order.ended));
  bind_payload(s, 12, order.reply);
  s.bind_number(13, order.dead ? 1 : 0);
  s.bind_text(14, order.child_session_key);
  s.bind_number(15, order.deliver_late ? 1 : 0);
  s.run();
}

void JournalDb::write(const core::store::PutIncoming& order) {
  const auto& r = order.record;
  const std::string source = r.source.str();
  const std::string target = r.target.str();
  const std::string stages = stages_text(r.stages);
  const auto insert = [&](std::optional<std::int64_t> row) {
    const Use use(statements_->put_incoming);
    auto& s = statements_->put_incoming;
    row ? s.bind_number(1, *row) : s.bind_null(1);
    s.bind_text(2, r.source_gateway);
    s.bind_text(3, r.id);
    s.bind_blob(4, view_of(r.digest));
    s.bind_text(5, source);
    s.bind_text(6, target);
    s.bind_text(7, to_string(r.op));
    s.bind_text(8, r.session);
    s.bind_text(9, r.session_key);
    s.bind_number(10, to_ms(r.expiry));
    s.bind_number(11, to_ms(r.received));
    s.bind_text(12, stage_text(r.stage));
    s.bind_number(13, r.attempt);
    s.bind_text(14, r.boot_id);
    s.bind_text(15, r.run_id);
    s.bind_text(16, r.status);
    s.bind_text(17, stages);
    s.bind_number(18, to_ms(r.ended));
    s.bind_number(19, r.acknowledged ? 1 : 0);
    bind_optional(s, 20, r.receipt);
    bind_payload(s, 21, r.request);
    bind_payload(s, 22, r.reply);
    s.bind_number(23, r.sealed ? 1 : 0);
    s.bind_number(24, r.losses);
    s.bind_number(25, r.dead ? 1 : 0);
    s.step();
    return db_->changes() != 0;
  };
  auto row = std::optional<std::int64_t>{};
  if (!insert(std::nullopt)) {
    row = incoming_row(r.source_gateway, r.id);
    remove_incoming(row.value());
    insert(row);  // in the place of a tombstone, which has no bytes
  }
  add_incoming_bytes(r.source_gateway, r.request.size() + r.reply.size());
  if (r.request.size() <= kInlineBytesMax && r.reply.size() <= kInlineBytesMax) return;
  if (!row) row = incoming_row(r.source_gateway, r.id);
  if (r.request.size() > kInlineBytesMax) write_large(large_id(*row, LargeSlot::IncomingRequest), r.request);
  if (r.reply.size() > kInlineBytesMax) write_large(large_id(*row, LargeSlot::IncomingReply), r.reply);
}

void JournalDb::write(const core::store::UpdateIncoming& order) {
  if (order.reply.size() > kInlineBytesMax) {
    if (const auto row = incoming_row(order.source_gateway, order.id)) {
      statements_->clear_incoming_reply.bind_number(1, *row);
      statements_->clear_incoming_reply.run();
      write_large(large_id(*row, LargeSlot::IncomingReply), order.reply);
    }
  }
  const std::string stages = stages_text(order.stages);
  auto& s = statements_->update_incoming;
  s.bind_text(1, order.source_gateway);
  s.bind_text(2, order.id);
  s.bind_text(3, order.session_key);
  s.bind_text(4, stage_text(order.stage));
  s.bind_number(5, order.attempt);
  s.bind_text(6, order.boot_id);
  s.bind_text(7, order.run_id);
  s.bind_text(8, order.status);
  s.bind_text(9, stages);
  s.bind_number(10, to_ms(order.ended));
  bind_optional(s, 11, order.receipt);
  bind_payload(s, 12, order.reply);
  s.bind_number(13, order.losses);
  s.bind_number(14, order.dead ? 1 : 0);
  s.run();
  add_incoming_bytes(order.source_gateway, order.reply.size());
}

void JournalDb::write(const core::store::Told& order) {
  for (const auto& id : order.ids) {
    statements_->told.bind_text(1, id);
    statements_->told.run();
  }
}

void JournalDb::write(const core::store::BuryDead& order) {
  auto& s = order.source_gateway.empty() ? statements_->bury_outgoing : statements_->bury_incoming;
  int at = 0;
  if (!order.source_gateway.empty()) s.bind_text(++at, order.source_gateway);
  s.bind_text(++at, order.id);
  s.run();
}

void JournalDb::write(const core::store::AcknowledgeIncoming& order) {
  auto& s = statements_->acknowledge;
  for (const auto& id : order.ids) {
    s.bind_text(1, order.source_gateway);
    s.bind_text(2, id);
    s.run();
  }
}

void JournalDb::write(const core::store::PutPeer& order) {
  const auto& r = order.record;
  auto& s = statements_->put_peer;
  s.bind_text(1, r.gateway);
  s.bind_text(2, trust_text(r.trust));
  s.bind_blob(3, view_of(r.sign_key));
  s.bind_blob(4, view_of(r.box_key));
  s.bind_text(5, r.incarnation);
  s.bind_number(6, static_cast<std::int64_t>(r.epoch));
  s.bind_number(7, static_cast<std::int64_t>(r.revision));
  s.bind_blob(8, r.state);
  s.bind_number(9, to_ms(r.seen));
  s.bind_blob(10, view_of(r.previous_sign_key));
  s.bind_blob(11, view_of(r.previous_box_key));
  s.bind_number(12, to_ms(r.previous_until));
  const std::string revoked = words_text(r.revoked);
  s.bind_text(13, revoked);
  s.run();
}

void JournalDb::write(const core::store::RemovePeer& order) {
  statements_->remove_peer.bind_text(1, order.gateway);
  statements_->remove_peer.run();
}

void JournalDb::write(const core::store::PutEpoch& order) {
  statements_->put_epoch.bind_number(1, static_cast<std::int64_t>(order.epoch));
  statements_->put_epoch.run();
}

void JournalDb::write(const core::store::Purge& order) {
  purge_outgoing(order);
  purge_incoming(order);
}

void JournalDb::purge_outgoing(const core::store::Purge& order) {
  // What ended before the limit was accepted before it, and ids rise with time: the rest need not be looked at.
  constexpr std::array<std::uint8_t, 10> kNoEntropy{};
  const std::string id_limit = UlidSequence{}.next(order.outgoing_ended_before, kNoEntropy);
  std::vector<std::int64_t> rows;
  {
    Use old(statements_->old_outgoing);
    old->bind_text(1, id_limit);
    old->bind_number(2, to_ms(order.outgoing_ended_before));
    old->bind_number(3, static_cast<std::int64_t>(order.rows_max));
    while (old->step()) rows.push_back(old->number(0));
  }
  for (const auto row : rows) remove_outgoing(row);
}

void JournalDb::purge_incoming(const core::store::Purge& order) {
  std::vector<std::int64_t> rows;
  std::map<std::string, core::ReplayMark> marks;
  {
    Use old(statements_->old_incoming);
    old->bind_number(1, to_ms(order.incoming_expiry_before));
    old->bind_number(2, to_ms(order.incoming_ended_before));
    old->bind_number(3, static_cast<std::int64_t>(order.rows_max));
    while (old->step()) {
      rows.push_back(old->number(0));
      auto& mark = marks[old->text(1)];
      const auto id_time = is_ulid(old->bytes(2)) ? ulid_time(old->bytes(2)) : WallTime{};
      mark.id_time = std::max(mark.id_time, id_time);
      if (old->number(5) == 0) mark.forgotten = std::max(mark.forgotten, id_time);
      mark.expiry = std::max(mark.expiry, from_ms(old->number(3)));
      if (incoming_bytes_) (*incoming_bytes_)[old->text(1)] -= static_cast<std::uint64_t>(old->number(4));
    }
  }
  for (const auto row : rows) remove_incoming(row);
  for (auto& [gateway, mark] : marks) {
    mark.gateway = gateway;
    raise_mark(mark);
  }
}

void JournalDb::raise_mark(const core::ReplayMark& mark) {
  statements_->raise_mark.bind_text(1, mark.gateway);
  statements_->raise_mark.bind_number(2, to_ms(mark.id_time));
  statements_->raise_mark.bind_number(3, to_ms(mark.expiry));
  statements_->raise_mark.bind_number(4, to_ms(mark.forgotten));
  statements_->raise_mark.run();
}

// ---- rows and large payloads ----

std::optional<std::int64_t> JournalDb::outgoing_row(std::string_view id) {
  Use find(statements_->outgoing_row);
  find->bind_text(1, id);
  return find->step() ? std::optional(find->number(0)) : std::nullopt;
}

std::optional<std::int64_t> JournalDb::incoming_row(std::string_view source_gateway, std::string_view id) {
  Use find(statements_->incoming_row);
  find->bind_text(1, source_gateway);
  find->bind_text(2, id);
  return find->step() ? std::optional(find->number(0)) : std::nullopt;
}

void JournalDb::remove_outgoing(std::int64_t row) {
  statements_->remove_outgoing.bind_number(1, row);
  statements_->remove_outgoing.run();
  for (const LargeSlot slot : {LargeSlot::OutgoingRequest, LargeSlot::OutgoingReply}) forget_large(large_id(row, slot));
}

void JournalDb::remove_incoming(std::int64_t row) {
  statements_->remove_incoming.bind_number(1, row);
  statements_->remove_incoming.run();
  for (const LargeSlot slot : {LargeSlot::IncomingRequest, LargeSlot::IncomingReply}) forget_large(large_id(row, slot));
}

void JournalDb::write_large(std::int64_t id, std::string_view bytes) {
  statements_->put_large.bind_number(1, id);
  statements_->put_large.bind_blob(2, bytes);
  statements_->put_large.run();
}

void JournalDb::forget_large(std::int64_t id) {
  statements_->remove_large.bind_number(1, id);
  statements_->remove_large.run();
}

// ---- reading ----

std::optional<core::OutgoingRecord> JournalDb::outgoing(std::string_view id) {
  catch_up();
  Use get(statements_->get_outgoing);
  get->bind_text(1, id);
  return get->step() ? std::optional(outgoing_from(*get, true)) : std::nullopt;
}

std::optional<core::IncomingRecord> JournalDb::incoming(std::string_view source_gateway, std::string_view id) {
  catch_up();
  Use get(statements_->get_incoming);
  get->bind_text(1, source_gateway);
  get->bind_text(2, id);
  return get->step() ? std::optional(incoming_from(*get, true)) : std::nullopt;
}

// Counted once, then kept along: length() reads no more of a row than its header.
std::uint64_t JournalDb::incoming_bytes(std::string_view source_gateway) {
  catch_up();
  if (!incoming_bytes_) {
    incoming_bytes_.emplace();
    Statement sums(*db_,
                   "SELECT source_gateway, sum(coalesce(length(request), (SELECT length(bytes) FROM large WHERE large.id = "
                   "incoming.row * 8 + 4), 0) + coalesce(length(reply), (SELECT length(bytes) FROM large WHERE large.id = "
                   "incoming.row * 8 + 5), 0)) FROM incoming GROUP BY source_gateway");
    while (sums.step()) incoming_bytes_->emplace(sums.text(0), static_cast<std::uint64_t>(sums.number(1)));
  }
  const auto found = incoming_bytes_->find(source_gateway);
  return found == incoming_bytes_->end() ? 0 : found->second;
}

void JournalDb::add_incoming_bytes(std::string_view source_gateway, std::size_t bytes) {
  if (!incoming_bytes_ || bytes == 0) return;
  const auto found = incoming_bytes_->find(source_gateway);
  if (found != incoming_bytes_->end()) {
    found->second += bytes;
  } else {
    incoming_bytes_->emplace(source_gateway, bytes);
  }
}

std::optional<core::IncomingRecord> JournalDb::find_incoming(std::string_view id) {
  catch_up();
  Use find(statements_->find_incoming);
  find->bind_text(1, id);
  return find->step() ? std::optional(incoming_from(*find, true)) : std::nullopt;
}

std::vector<core::OutgoingRecord> JournalDb::outgoing_of(Statement& statement, std::size_t limit) {
  catch_up();
  Use list(statement);
  list->bind_number(1, static_cast<std::int64_t>(limit));
  std::vector<core::OutgoingRecord> records;
  while (list->step()) records.push_back(outgoing_from(*list, false));
  return records;
}

std::vector<core::IncomingRecord> JournalDb::incoming_of(Statement& statement, std::size_t limit) {
  catch_up();
  Use list(statement);
  list->bind_number(1, static_cast<std::int64_t>(limit));
  std::vector<core::IncomingRecord> records;
  while (list->step()) records.push_back(incoming_from(*list, false));
  return records;
}

std::vector<core::OutgoingRecord> JournalDb::list_outgoing(std::size_t limit) { return outgoing_of(statements_->list_outgoing, limit); }
std::vector<core::IncomingRecord> JournalDb::list_incoming(std::size_t limit) { return incoming_of(statements_->list_incoming, limit); }
std::vector<core::OutgoingRecord> JournalDb::dead_outgoing(std::size_t limit) { return outgoing_of(statements_->dead_outgoing, limit); }
std::vector<core::IncomingRecord> JournalDb::dead_incoming(std::size_t limit) { return incoming_of(statements_->dead_incoming, limit); }

JournalDb::DeadLetters JournalDb::count_dead(std::string_view own) {
  catch_up();
  Use outgoing(statements_->count_dead_outgoing);
  Use incoming(statements_->count_dead_incoming);
  incoming->bind_text(1, own);
  const auto count = [](Use& rows) { return rows->step() ? static_cast<std::uint64_t>(rows->number(0)) : 0; };
  return {count(outgoing), count(incoming)};
}

std::vector<core::ReplayMark> JournalDb::replay_marks() {
  catch_up();
  Use list(statements_->marks);
  std::vector<core::ReplayMark> marks;
  while (list->step()) marks.push_back({list->text(0), from_ms(list->number(1)), from_ms(list->number(2)), from_ms(list->number(3))});
  return marks;
}

}  // namespace clawbridge::store
