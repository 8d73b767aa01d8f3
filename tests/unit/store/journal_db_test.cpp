// Orders in, records out: every order and every field, across reopening and crashes.
#include "bridge/store/journal_db.h"

#include "journal_fixture.h"

namespace clawbridge::store {
namespace {

using core::IncomingStage;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

core::store::UpdateOutgoing ended_outgoing(const std::string& id, WallTime ended) {
  return {.id = id,
          .receipt = true,
          .stage = "ended",
          .reason = "",
          .run_id = "run-2",
          .stages = {{"accepted", at(1)}, {"ended", ended}},
          .status = "ok",
          .reply = "{\"reply\":1}",
          .error = std::nullopt,
          .ended = ended,
          .child_session_key = "agent:jarvis:claw:macbook:02"};
}

core::store::UpdateIncoming ended_incoming(const std::string& gateway, const std::string& id, WallTime ended) {
  return {.source_gateway = gateway,
          .id = id,
          .session_key = "agent:jarvis:main",
          .stage = IncomingStage::Ended,
          .attempt = 4,
          .boot_id = "boot-8",
          .run_id = "run-10",
          .receipt = "",
          .reply = "{\"reply\":2}",
          .status = "ok",
          .stages = {{"stored", at(1)}, {"ended", ended}},
          .ended = ended};
}

class Journal : public JournalTest {
 protected:
  Journal() { open(); }
  void put_ended_incoming(const std::string& gateway, const std::string& id, WallTime expiry, WallTime ended) {
    auto record = full_incoming(gateway, id);
    record.expiry = expiry;
    apply(core::store::PutIncoming{record});
    apply(ended_incoming(gateway, id, ended));
  }
};

TEST_F(Journal, BeginsEmptyWithAnIncarnationThatStays) {
  const auto first = journal_->restore();
  EXPECT_TRUE(is_hex(first.incarnation, 32));
  EXPECT_EQ(first.epoch, 0U);
  EXPECT_EQ(first.last_id, "");
  EXPECT_THAT(first.outgoing, IsEmpty());
  EXPECT_THAT(first.incoming, IsEmpty());
  EXPECT_THAT(first.newest_ids, IsEmpty());
  open();
  EXPECT_EQ(journal_->restore().incarnation, first.incarnation);
}

TEST_F(Journal, KeepsEveryFieldOfAnOutgoingExchange) {
  auto record = full_outgoing(ulid_at(at(1'000)));
  record.status = "expired";
  record.reply = "reply bytes";
  record.error = Error{ErrorCode::GatewayDown, "no gateway \"imac\"", true};
  record.ended = at(1'500);
  apply(core::store::PutOutgoing{record});
  expect_same(journal_->outgoing(record.id).value(), record);
  commit();
  open();
  expect_same(journal_->outgoing(record.id).value(), record);
  EXPECT_FALSE(journal_->outgoing("unknown"));
}

TEST_F(Journal, UpdatesAnOutgoingExchangeAndLeavesTheReplyWhenNoneIsGiven) {
  auto record = full_outgoing(ulid_at(at(1'000)));
  apply(core::store::PutOutgoing{record});
  auto update = ended_outgoing(record.id, at(9'000));
  apply(update);
  record.stage = "ended";
  record.reason = "";
  record.run_id = "run-2";
  record.stages = update.stages;
  record.status = "ok";
  record.reply = update.reply;
  record.ended = at(9'000);
  record.child_session_key = update.child_session_key;
  record.deliver_late = false;
  expect_same(journal_->outgoing(record.id).value(), record);
  update.reply.clear();
  update.status = "error";
  update.error = Error{ErrorCode::Timeout, "late", false};
  apply(update);
  record.status = "error";
  record.error = update.error;
  expect_same(journal_->outgoing(record.id).value(), record);
}

TEST_F(Journal, NamesTheNewestOutgoingExchangesThatHaveAReply) {
  auto record = full_outgoing("");
  std::vector<std::string> ids;
  for (const std::string& reply : {std::string("short"), std::string(), std::string(100'000, 'x')}) {
    ids.push_back(ulid_at(at(1'000), static_cast<std::uint8_t>(ids.size())));
    record.id = ids.back();
    record.status = "expired";
    record.reply = reply;
    apply(core::store::PutOutgoing{record});
  }
  const auto& gateway = record.target.gateway;
  EXPECT_THAT(journal_->restore().answered, ElementsAre(Pair(gateway, ids[2]), Pair(gateway, ids[0])));
}

TEST_F(Journal, CountsDeadLetters) {
  auto outgoing = full_outgoing(ulid_at(at(1'000)));
  auto incoming = full_incoming("macbook", ulid_at(at(2'000)));
  std::uint8_t n = 0;
  for (const bool dead : {false, true, true}) {
    outgoing.id = ulid_at(at(1'000), ++n);
    outgoing.dead = dead;
    apply(core::store::PutOutgoing{outgoing});
    incoming.id = ulid_at(at(2'000), n);
    incoming.dead = dead;
    apply(core::store::PutIncoming{incoming});
  }
  incoming.source_gateway = "imac";
  apply(core::store::PutIncoming{incoming});
  const auto dead = journal_->count_dead("imac");
  EXPECT_EQ(dead.outgoing, 2U);
  EXPECT_EQ(dead.incoming, 2U);  // what imac asked itself is among those that were asked here
  apply(core::store::BuryDead{"", outgoing.id});
  EXPECT_EQ(journal_->count_dead("imac").outgoing, 1U);
}

TEST_F(Journal, ReplacesAnOutgoingExchangeThatIsPutAgain) {
  auto record = full_outgoing(ulid_at(at(1'000)));
  record.request.assign(100'000, 'x');
  apply(core::store::PutOutgoing{record});
  record.request = "short now";
  record.incarnation = "00000000000000000000000000000000";
  apply(core::store::PutOutgoing{record});
  expect_same(journal_->outgoing(record.id).value(), record);
  EXPECT_THAT(journal_->list_outgoing(10), SizeIs(1));
}

TEST_F(Journal, KeepsEveryFieldOfAnIncomingExchange) {
  auto record = full_incoming("macbook", ulid_at(at(1'000)));
  record.reply = "reply bytes";
  record.status = "no_reply";
  record.stage = IncomingStage::Ended;
  record.ended = at(4'000);
  record.acknowledged = true;
  apply(core::store::PutIncoming{record});
  expect_same(journal_->incoming("macbook", record.id).value(), record);
  commit();
  open();
  expect_same(journal_->incoming("macbook", record.id).value(), record);
  expect_same(journal_->find_incoming(record.id).value(), record);
  EXPECT_FALSE(journal_->incoming("studio", record.id));
  EXPECT_FALSE(journal_->find_incoming("unknown"));
}

TEST_F(Journal, KeepsEveryIncomingStage) {
  for (const auto stage : {IncomingStage::Stored, IncomingStage::Queued, IncomingStage::HandingOver,
                           IncomingStage::Started, IncomingStage::Ended, IncomingStage::Tombstone}) {
    auto record = full_incoming("macbook", ulid_at(at(1'000), static_cast<std::uint8_t>(stage)));
    record.stage = stage;
    apply(core::store::PutIncoming{record});
    EXPECT_EQ(journal_->incoming("macbook", record.id)->stage, stage);
  }
  EXPECT_THAT(journal_->restore().incoming, SizeIs(4));
}

TEST_F(Journal, UpdatesAnIncomingExchangeAndLeavesPayloadsThatAreNotGiven) {
  auto record = full_incoming("macbook", ulid_at(at(1'000)));
  apply(core::store::PutIncoming{record});
  auto update = ended_incoming("macbook", record.id, at(4'000));
  apply(update);
  record.stage = IncomingStage::Ended;
  record.attempt = 4;
  record.boot_id = "boot-8";
  record.run_id = "run-10";
  record.reply = update.reply;
  record.status = "ok";
  record.stages = update.stages;
  record.ended = at(4'000);
  expect_same(journal_->incoming("macbook", record.id).value(), record);
  update.reply.clear();
  update.receipt = "{\"receipt\":2}";
  apply(update);
  record.receipt = update.receipt;
  expect_same(journal_->incoming("macbook", record.id).value(), record);
}

TEST_F(Journal, AcknowledgesSeveralAtOnceAndIgnoresUnknownOnes) {
  const auto one = ulid_at(at(1'000), 1);
  const auto two = ulid_at(at(1'000), 2);
  put_ended_incoming("macbook", one, at(5'000), at(4'000));
  put_ended_incoming("macbook", two, at(5'000), at(4'000));
  apply(core::store::AcknowledgeIncoming{"macbook", {one, "unknown"}});
  EXPECT_TRUE(journal_->incoming("macbook", one)->acknowledged);
  EXPECT_FALSE(journal_->incoming("macbook", two)->acknowledged);
}

TEST_F(Journal, KeepsTwoGatewaysApartThatUseOneId) {
  const auto id = ulid_at(at(1'000));
  apply(core::store::PutIncoming{full_incoming("macbook", id)});
  apply(core::store::PutIncoming{full_incoming("studio", id)});
  apply(ended_incoming("studio", id, at(4'000)));
  EXPECT_EQ(journal_->incoming("macbook", id)->stage, IncomingStage::Queued);
  EXPECT_EQ(journal_->incoming("studio", id)->stage, IncomingStage::Ended);
}

TEST_F(Journal, CountsTheBytesKeptForEachPeer) {
  EXPECT_EQ(journal_->incoming_bytes("macbook"), 0U);
  auto first = full_incoming("macbook", ulid_at(at(1'000), 1));
  first.request = std::string(100, 'r');
  apply(core::store::PutIncoming{first});
  auto large = full_incoming("macbook", ulid_at(at(1'000), 2));
  large.request = std::string(50'000, 'r');
  apply(core::store::PutIncoming{large});
  apply(core::store::PutIncoming{full_incoming("studio", ulid_at(at(1'000), 3))});
  EXPECT_EQ(journal_->incoming_bytes("macbook"), 50'100U);
  auto ended = ended_incoming("macbook", first.id, at(4'000));
  ended.reply = std::string(1'000, 'x');
  apply(ended);
  EXPECT_EQ(journal_->incoming_bytes("macbook"), 51'100U);
  commit();
  open();
  EXPECT_EQ(journal_->incoming_bytes("macbook"), 51'100U) << "counted anew";
  apply(core::store::Purge{.outgoing_ended_before = at(0), .incoming_expiry_before = at(9'000), .incoming_ended_before = at(9'000), .rows_max = 10});
  EXPECT_EQ(journal_->incoming_bytes("macbook"), 50'000U);
}

TEST_F(Journal, KeepsPeersUntilTheyAreRemoved) {
  core::PeerRecord peer{.gateway = "imac",
                        .trust = core::PeerTrust::Joined,
                        .sign_key = {},
                        .box_key = {},
                        .incarnation = "cbba91f9f22a199a4ed489fca47b7434",
                        .epoch = 1'795'364'401,
                        .revision = kWillRevision,
                        .state = std::string("{\0}", 3),
                        .seen = at(77),
                        .previous_sign_key = {},
                        .previous_box_key = {},
                        .previous_until = at(99),
                        .revoked = {std::string(64, 'a'), std::string(64, 'b')}};
  peer.previous_sign_key.fill(3);
  peer.previous_box_key.fill(4);
  peer.sign_key.fill(1);
  peer.box_key.fill(2);
  for (const auto trust :
       {core::PeerTrust::Pending, core::PeerTrust::Trusted, core::PeerTrust::Configured, core::PeerTrust::Revoked, core::PeerTrust::Joined}) {
    peer.trust = trust;
    apply(core::store::PutPeer{peer});
    const auto peers = journal_->restore().peers;
    ASSERT_THAT(peers, SizeIs(1));
    EXPECT_EQ(peers[0].trust, trust);
  }
  commit();
  open();
  const auto read = journal_->restore().peers.at(0);
  EXPECT_EQ(read.gateway, peer.gateway);
  EXPECT_EQ(read.sign_key, peer.sign_key);
  EXPECT_EQ(read.previous_sign_key, peer.previous_sign_key);
  EXPECT_EQ(read.previous_box_key, peer.previous_box_key);
  EXPECT_EQ(read.previous_until, peer.previous_until);
  EXPECT_EQ(read.revoked, peer.revoked);
  EXPECT_EQ(read.box_key, peer.box_key);
  EXPECT_EQ(read.incarnation, peer.incarnation);
  EXPECT_EQ(read.epoch, peer.epoch);
  EXPECT_EQ(read.revision, peer.revision);
  EXPECT_EQ(read.state, peer.state);
  EXPECT_EQ(read.seen, peer.seen);
  apply(core::store::RemovePeer{"imac"});
  EXPECT_THAT(journal_->restore().peers, IsEmpty());
}

TEST_F(Journal, RestoresWhatIsOpenWithoutPayloads) {
  const auto open_id = ulid_at(at(1'000), 1);
  const auto ended_id = ulid_at(at(1'000), 9);
  apply(core::store::PutOutgoing{full_outgoing(ended_id)});
  apply(core::store::PutOutgoing{full_outgoing(open_id)});
  apply(ended_outgoing(ended_id, at(9'000)));
  apply(core::store::PutIncoming{full_incoming("studio", ulid_at(at(2'000), 5))});
  apply(core::store::PutIncoming{full_incoming("macbook", ulid_at(at(1'000), 4))});
  put_ended_incoming("macbook", ulid_at(at(1'000), 8), at(5'000), at(4'000));
  apply(core::store::PutEpoch{41});
  apply(core::store::PutEpoch{42});
  commit();
  open();

  const auto snapshot = journal_->restore();
  EXPECT_EQ(snapshot.epoch, 42U);
  EXPECT_EQ(snapshot.last_id, ended_id);
  ASSERT_THAT(snapshot.outgoing, SizeIs(1));
  auto outgoing = full_outgoing(open_id);
  outgoing.request.clear();
  expect_same(snapshot.outgoing[0], outgoing);
  ASSERT_THAT(snapshot.incoming, SizeIs(2));
  EXPECT_EQ(snapshot.incoming[0].source_gateway, "studio") << "in the order received";
  auto incoming = full_incoming("macbook", ulid_at(at(1'000), 4));
  incoming.request.clear();
  incoming.receipt.clear();
  expect_same(snapshot.incoming[1], incoming);
  EXPECT_THAT(snapshot.newest_ids,
              ElementsAre(Pair("macbook", ulid_at(at(1'000), 8)), Pair("studio", ulid_at(at(2'000), 5))));
}

TEST_F(Journal, ListsTheNewestFirstWithoutPayloads) {
  for (std::uint8_t n = 1; n <= 3; ++n) {
    apply(core::store::PutOutgoing{full_outgoing(ulid_at(at(1'000), n))});
    apply(core::store::PutIncoming{full_incoming("macbook", ulid_at(at(1'000), n))});
  }
  const auto outgoing = journal_->list_outgoing(2);
  ASSERT_THAT(outgoing, SizeIs(2));
  EXPECT_EQ(outgoing[0].id, ulid_at(at(1'000), 3));
  EXPECT_EQ(outgoing[1].id, ulid_at(at(1'000), 2));
  EXPECT_EQ(outgoing[0].request, "");
  const auto incoming = journal_->list_incoming(2);
  ASSERT_THAT(incoming, SizeIs(2));
  EXPECT_EQ(incoming[0].id, ulid_at(at(1'000), 3));
  EXPECT_EQ(incoming[0].receipt, "");
}

TEST_F(Journal, KeepsPayloadsByteForByte) {
  const std::vector<std::string> payloads = {std::string("a\0b\0", 4), "\xf0\x9f\xa6\x9e claw",
                                             std::string(16 * 1024, 'i'), std::string(16 * 1024 + 1, 'l'),
                                             std::string(1 << 20, '\0')};
  std::uint8_t n = 0;
  for (const auto& payload : payloads) {
    const auto id = ulid_at(at(1'000), ++n);
    auto outgoing = full_outgoing(id);
    outgoing.request = payload;
    apply(core::store::PutOutgoing{outgoing});
    auto update = ended_outgoing(id, at(2'000));
    update.reply = payload;
    apply(update);
    auto incoming = full_incoming("macbook", id);
    incoming.request = payload;
    apply(core::store::PutIncoming{incoming});
    auto answer = ended_incoming("macbook", id, at(2'000));
    answer.reply = payload;
    answer.session_key = payload.substr(0, 100);
    apply(answer);
  }
  commit();
  crash_and_open();
  n = 0;
  for (const auto& payload : payloads) {
    const auto id = ulid_at(at(1'000), ++n);
    const auto outgoing = journal_->outgoing(id).value();
    EXPECT_EQ(outgoing.request, payload);
    EXPECT_EQ(outgoing.reply, payload);
    const auto incoming = journal_->incoming("macbook", id).value();
    EXPECT_EQ(incoming.request, payload);
    EXPECT_EQ(incoming.reply, payload);
    EXPECT_EQ(incoming.session_key, payload.substr(0, 100));
  }
}

TEST_F(Journal, TakesALargeReplyOverASmallOneAndTheOtherWayRound) {
  const auto id = ulid_at(at(1'000));
  apply(core::store::PutOutgoing{full_outgoing(id)});
  for (const std::size_t size : {10U, 100'000U, 20U}) {
    auto update = ended_outgoing(id, at(2'000));
    update.reply.assign(size, 'r');
    apply(update);
    EXPECT_EQ(journal_->outgoing(id)->reply.size(), size);
  }
}

TEST_F(Journal, LosesExactlyWhatWasNotCommittedInACrash) {
  apply(core::store::PutOutgoing{full_outgoing(ulid_at(at(1'000), 1))});
  apply(core::store::PutEpoch{7});
  commit();
  apply(core::store::PutOutgoing{full_outgoing(ulid_at(at(1'000), 2))});
  apply(core::store::PutEpoch{8});
  EXPECT_EQ(journal_->uncommitted(), 2U);
  EXPECT_TRUE(journal_->outgoing(ulid_at(at(1'000), 2))) << "reads see what is not yet durable";
  crash_and_open();
  EXPECT_TRUE(journal_->outgoing(ulid_at(at(1'000), 1)));
  EXPECT_FALSE(journal_->outgoing(ulid_at(at(1'000), 2)));
  EXPECT_EQ(journal_->restore().epoch, 7U);
}

TEST_F(Journal, CommitsWithPowerDurabilityToo) {
  open(Durability::Power);
  apply(core::store::PutEpoch{7});
  commit();
  commit();
  crash_and_open();
  EXPECT_EQ(journal_->restore().epoch, 7U);
}

TEST_F(Journal, PurgesOutgoingExchangesThatEndedLongAgo) {
  const auto old_id = ulid_at(at(1'000), 1);
  const auto open_id = ulid_at(at(1'000), 2);
  const auto late_id = ulid_at(at(1'000), 3);
  for (const auto& id : {old_id, open_id, late_id}) {
    auto record = full_outgoing(id);
    record.request.assign(20'000, 'x');
    apply(core::store::PutOutgoing{record});
  }
  apply(ended_outgoing(old_id, at(9'000)));
  apply(ended_outgoing(late_id, at(10'000)));
  apply(core::store::Purge{
      .outgoing_ended_before = at(10'000), .incoming_expiry_before = at(0), .incoming_ended_before = at(0)});
  EXPECT_FALSE(journal_->outgoing(old_id));
  EXPECT_TRUE(journal_->outgoing(open_id));
  EXPECT_TRUE(journal_->outgoing(late_id));
  // A row number that is used again must not find the payload of its former owner.
  apply(core::store::PutOutgoing{full_outgoing(ulid_at(at(2'000), 4))});
  EXPECT_EQ(journal_->outgoing(ulid_at(at(2'000), 4))->reply, "");
}

TEST_F(Journal, PurgesIncomingExchangesThatAreExpiredAndAcknowledgedOrOld) {
  const auto id = [](std::uint8_t n) { return ulid_at(at(1'000 + n), n); };
  put_ended_incoming("macbook", id(1), at(5'000), at(4'000));        // acknowledged
  put_ended_incoming("macbook", id(2), at(5'000), at(4'000));        // not acknowledged, not old
  put_ended_incoming("macbook", id(3), at(5'000), at(3'000));        // not acknowledged, old
  put_ended_incoming("macbook", id(4), at(9'000), at(4'000));        // acknowledged, not expired
  apply(core::store::PutIncoming{full_incoming("macbook", id(5))});  // open
  apply(core::store::AcknowledgeIncoming{"macbook", {id(1), id(4), id(5)}});
  apply(core::store::Purge{
      .outgoing_ended_before = at(0), .incoming_expiry_before = at(6'000), .incoming_ended_before = at(3'500)});
  EXPECT_FALSE(journal_->incoming("macbook", id(1)));
  EXPECT_TRUE(journal_->incoming("macbook", id(2)));
  EXPECT_FALSE(journal_->incoming("macbook", id(3)));
  EXPECT_TRUE(journal_->incoming("macbook", id(4)));
  EXPECT_TRUE(journal_->incoming("macbook", id(5)));
  const auto marks = journal_->replay_marks();
  ASSERT_THAT(marks, SizeIs(1));
  EXPECT_EQ(marks[0].gateway, "macbook");
  EXPECT_EQ(marks[0].id_time, at(1'003));
  EXPECT_EQ(marks[0].expiry, at(5'000));
  EXPECT_EQ(marks[0].forgotten, at(1'003));
}

TEST_F(Journal, RemembersOfWhatItPurgedWhetherItsRequesterMayStillAsk) {
  put_ended_incoming("macbook", ulid_at(at(1'000)), at(5'000), at(4'000));
  put_ended_incoming("macbook", ulid_at(at(2'000)), at(5'000), at(4'000));
  apply(core::store::AcknowledgeIncoming{"macbook", {ulid_at(at(2'000))}});
  apply(core::store::Purge{.outgoing_ended_before = at(0), .incoming_expiry_before = at(6'000), .incoming_ended_before = at(4'500)});
  const auto marks = journal_->replay_marks();
  ASSERT_THAT(marks, SizeIs(1));
  EXPECT_EQ(marks[0].id_time, at(2'000));
  EXPECT_EQ(marks[0].forgotten, at(1'000));
}

TEST_F(Journal, RaisesReplayMarksAndNeverLowersThem) {
  const auto purge = core::store::Purge{
      .outgoing_ended_before = at(0), .incoming_expiry_before = at(100'000), .incoming_ended_before = at(100'000)};
  put_ended_incoming("macbook", ulid_at(at(2'000)), at(5'000), at(4'000));
  put_ended_incoming("studio", ulid_at(at(1'500)), at(6'000), at(4'000));
  apply(purge);
  put_ended_incoming("macbook", ulid_at(at(1'000)), at(7'000), at(4'000));
  auto tombstone = full_incoming("studio", ulid_at(at(3'000)));
  tombstone.stage = IncomingStage::Tombstone;
  tombstone.request.clear();
  tombstone.expiry = at(5'500);
  apply(core::store::PutIncoming{tombstone});
  apply(purge);
  commit();
  open();
  const auto marks = journal_->restore().replay_marks;
  ASSERT_THAT(marks, SizeIs(2));
  EXPECT_EQ(marks[0].gateway, "macbook");
  EXPECT_EQ(marks[0].id_time, at(2'000));
  EXPECT_EQ(marks[0].expiry, at(7'000));
  EXPECT_EQ(marks[1].gateway, "studio");
  EXPECT_EQ(marks[1].id_time, at(3'000));
  EXPECT_EQ(marks[1].expiry, at(6'000));
}

TEST_F(Journal, PurgesNoMoreRowsThanAsked) {
  for (std::uint8_t n = 1; n <= 5; ++n) {
    apply(core::store::PutOutgoing{full_outgoing(ulid_at(at(1'000), n))});
    apply(ended_outgoing(ulid_at(at(1'000), n), at(2'000)));
    put_ended_incoming("macbook", ulid_at(at(1'000), n), at(5'000), at(4'000));
  }
  apply(core::store::Purge{.outgoing_ended_before = at(100'000),
                           .incoming_expiry_before = at(100'000),
                           .incoming_ended_before = at(100'000),
                           .rows_max = 2});
  EXPECT_THAT(journal_->list_outgoing(10), SizeIs(3));
  EXPECT_THAT(journal_->list_incoming(10), SizeIs(3));
}

}  // namespace
}  // namespace clawbridge::store
