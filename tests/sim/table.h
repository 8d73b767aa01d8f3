// One kind of record of the virtual journal: what is committed, and beside it what a transaction has changed and not committed.
#pragma once

#include <map>
#include <optional>
#include <utility>

namespace clawbridge::sim {

template <class Key, class Record>
class Table {
 public:
  /// As a read sees it: with what is not committed yet.
  [[nodiscard]] const Record* find(const Key& key) const {
    if (const auto changed = changed_.find(key); changed != changed_.end()) return changed->second ? &*changed->second : nullptr;
    return committed(key);
  }
  [[nodiscard]] const Record* committed(const Key& key) const {
    const auto found = committed_.find(key);
    return found == committed_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const std::map<Key, Record>& all_committed() const { return committed_; }

  void put(const Key& key, Record record) { changed_.insert_or_assign(key, std::move(record)); }
  void erase(const Key& key) { changed_.insert_or_assign(key, std::nullopt); }
  /// To be changed in place; nothing when there is none.
  [[nodiscard]] Record* edit(const Key& key) {
    auto changed = changed_.find(key);
    if (changed == changed_.end()) {
      const auto* record = committed(key);
      if (record == nullptr) return nullptr;
      changed = changed_.emplace(key, *record).first;
    }
    return changed->second ? &*changed->second : nullptr;
  }

  /// In the order of the keys, with what is not committed yet.
  template <class Visit>
  void for_each(Visit visit) const {
    auto changed = changed_.begin();
    for (const auto& [key, record] : committed_) {
      for (; changed != changed_.end() && changed->first < key; ++changed) {
        if (changed->second) visit(changed->first, *changed->second);
      }
      if (changed != changed_.end() && changed->first == key) {
        if (changed->second) visit(key, *changed->second);
        ++changed;
      } else {
        visit(key, record);
      }
    }
    for (; changed != changed_.end(); ++changed) {
      if (changed->second) visit(changed->first, *changed->second);
    }
  }

  /// `told`: gets the key, the record before (or null) and after (or null) of everything that the transaction changed.
  template <class Told>
  void commit(Told told) {
    for (auto& [key, record] : changed_) {
      auto found = committed_.find(key);
      told(key, found == committed_.end() ? nullptr : &found->second, record ? &*record : nullptr);
      if (!record) {
        if (found != committed_.end()) committed_.erase(found);
      } else if (found != committed_.end()) {
        found->second = std::move(*record);
      } else {
        committed_.emplace(key, std::move(*record));
      }
    }
    changed_.clear();
  }
  void roll_back() { changed_.clear(); }

 private:
  std::map<Key, Record> committed_;
  std::map<Key, std::optional<Record>> changed_;
};

}  // namespace clawbridge::sim
