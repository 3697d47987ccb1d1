#include "store/embedded_store.h"

#include <fmt/core.h>

#include "base/check.h"
#include "base/log.h"
#include "store/embedded_impl.h"

namespace reigen::store {

EmbeddedStore::Impl::Impl(EmbeddedOptions options) : options_(std::move(options)), clock_(options_.executor ? options_.executor->clock() : system_clock()) {
  CHECK(!options_.inline_commit || options_.executor);
  if (options_.inline_commit) {
    timers_ = options_.executor;
  } else {
    // One thread commits and publishes; the other copies the WAL into the database meanwhile.
    own_ = std::make_unique<ThreadExecutor>(2, "store");
    timers_ = own_.get();
  }
}

EmbeddedStore::Impl::~Impl() { shutdown(); }

Result<std::shared_ptr<EmbeddedStore::Impl>> EmbeddedStore::Impl::open(EmbeddedOptions options) {
  auto impl = std::make_shared<Impl>(std::move(options));
  TRY(impl->open_database());
  return impl;
}

Status EmbeddedStore::Impl::open_database() {
  LogDatabase::Options where{.path = options_.directory + "/store.db"};
  if (options_.disk) {
    vfs_ = std::make_unique<SqliteVfs>(*options_.disk, clock_);
    where.vfs = vfs_->name();
    where.exclusive = true;
  } else {
    if (auto made = make_directories(options_.directory, 0700); !made) return fail(std::move(made).error().context("data directory"));
    auto lock = FileLock::acquire(options_.directory + "/lock");
    if (!lock && lock.error().code() == Code::kAlreadyExists)
      return fail(Code::kAlreadyExists, "the data directory " + options_.directory + " is in use by another Reigen server");
    if (!lock) return fail(std::move(lock).error());
    file_lock_ = std::move(*lock);
  }
  auto begin = clock_.now();
  TRY_ASSIGN(database_, LogDatabase::open(where));
  if (!where.exclusive) {
    where.create = false;
    TRY_ASSIGN(checkpointer_, LogDatabase::open(where));
  }
  TRY_ASSIGN(LogMarks marks, database_->marks());
  history_ = History(marks.compacted);
  last_revision_ = std::max<Revision>(1, marks.high_water);
  TRY(database_->load([this](const LogRow& row) { return load_row(row); }));
  published_ = last_revision_;
  std::lock_guard lock(mutex_);
  if (history_.size() > 0 || !expiries_.empty()) schedule_tick(clock_.now() + std::chrono::seconds(1));
  LOG(kInfo, "store", "opened {}: {} keys, revision {}, history from {}, {} ms", where.path, index_.size(), last_revision_, history_.compacted(),
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - begin).count());
  return {};
}

Status EmbeddedStore::Impl::load_row(const LogRow& row) {
  EntryPtr previous;
  if (auto* found = index_.find(row.key)) previous = *found;
  EntryPtr entry;
  if (row.deleted) {
    if (!previous) return {};  // its earlier rows left before it did: nothing to see
    index_.erase(row.key);
  } else {
    entry = std::make_shared<const Entry>(Entry{std::string(row.key), make_bytes(std::string(row.value)), row.create_revision, row.revision});
    index_.put(entry);
    if (row.expires != 0) expiries_.push({row.expires, entry});
  }
  if (row.revision > history_.compacted()) {
    history_.push(std::make_shared<const Event>(Event{row.revision, std::move(entry), std::move(previous)}), clock_.now());
  } else if (previous || row.deleted) {
    if (previous) dead_rows_.push_back(previous->mod_revision);
    if (row.deleted) dead_rows_.push_back(row.revision);
  }
  last_revision_ = std::max(last_revision_, row.revision);
  return {};
}

void EmbeddedStore::Impl::shutdown() {
  {
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    if (tick_timer_) timers_->cancel(tick_timer_);
    if (own_) idle_.wait(lock, [this] { return !busy_; });
  }
  if (own_) own_->stop();
  hub_.close_all(Error(Code::kUnavailable, "the store stops"));
  checkpointer_.reset();
  database_.reset();
  vfs_.reset();
  file_lock_.reset();
}

EntryPtr EmbeddedStore::Impl::get(std::string_view key) {
  std::shared_lock lock(index_mutex_);
  auto* found = index_.find(key);
  return found ? *found : nullptr;
}

EntryPtr EmbeddedStore::Impl::get_latest(std::string_view key) {
  std::lock_guard lock(mutex_);
  return latest(key);
}

size_t EmbeddedStore::Impl::count(std::string_view prefix) {
  std::shared_lock lock(index_mutex_);
  return index_.count(prefix, prefix_end(prefix));
}

Revision EmbeddedStore::Impl::compacted_revision() {
  std::shared_lock lock(index_mutex_);
  return history_.compacted();
}

Result<ListResult> EmbeddedStore::Impl::list(std::string_view prefix, const ListOptions& options) {
  std::string_view from = std::max<std::string_view>(prefix, options.start);
  std::string to = prefix_end(prefix);
  std::shared_lock lock(index_mutex_);
  ListResult result{.revision = options.revision ? options.revision : published_.load()};
  if (result.revision > published_)
    return fail(Code::kInvalidArgument, fmt::format("revision {} is in the future; the current one is {}", result.revision, published_.load()));
  if (result.revision < history_.compacted())
    return fail(Code::kGone, fmt::format("revision {} has been compacted; the oldest kept is {}", result.revision, history_.compacted()));

  std::map<std::string_view, EntryPtr> past;
  if (result.revision != published_) past = history_.state_at(result.revision, from, to);
  size_t total = index_.count(from, to);
  for (auto& [key, then] : past) total += (then ? 1 : 0) - (index_.find(key) ? 1 : 0);

  size_t limit = options.limit ? std::min(options.limit, total) : total;
  result.entries.reserve(limit);
  auto next = past.begin();
  auto add = [&](const EntryPtr& entry) {
    if (entry) result.entries.push_back(entry);
    return result.entries.size() < limit;
  };
  bool room = limit > 0;
  index_.scan(from, to, [&](const EntryPtr& entry) {
    for (; room && next != past.end() && next->first < entry->key; ++next) room = add(next->second);
    if (!room) return false;
    if (next != past.end() && next->first == entry->key) {
      room = add((next++)->second);
    } else {
      room = add(entry);
    }
    return room;
  });
  for (; room && next != past.end(); ++next) room = add(next->second);
  result.remaining = total - result.entries.size();
  result.more = result.remaining > 0;
  return result;
}

Status EmbeddedStore::Impl::health() {
  std::lock_guard lock(mutex_);
  if (failed_) return fail(*failed_);
  return {};
}

EmbeddedStore::Stats EmbeddedStore::Impl::stats() {
  std::lock_guard lock(mutex_);
  return {.keys = index_.size(),
          .history_events = history_.size(),
          .history_bytes = history_.bytes(),
          .pending_writes = queue_.size(),
          .watches = hub_.size(),
          .commits = commits_,
          .rows = rows_,
          .file_bytes = file_pages_ * 4096,
          .wal_bytes = int64_t{wal_pages_} * 4120};
}

// The public face.

EmbeddedStore::EmbeddedStore(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
EmbeddedStore::~EmbeddedStore() { impl_->shutdown(); }

Result<std::unique_ptr<EmbeddedStore>> EmbeddedStore::open(EmbeddedOptions options) {
  TRY_ASSIGN(auto impl, Impl::open(std::move(options)));
  return std::unique_ptr<EmbeddedStore>(new EmbeddedStore(std::move(impl)));
}

Result<EntryPtr> EmbeddedStore::get(std::string_view key) { return impl_->get(key); }
Result<EntryPtr> EmbeddedStore::get_latest(std::string_view key) { return impl_->get_latest(key); }
Result<ListResult> EmbeddedStore::list(std::string_view prefix, const ListOptions& options) { return impl_->list(prefix, options); }
Result<size_t> EmbeddedStore::count(std::string_view prefix) { return impl_->count(prefix); }
Revision EmbeddedStore::current_revision() { return impl_->current_revision(); }
Revision EmbeddedStore::compacted_revision() { return impl_->compacted_revision(); }
void EmbeddedStore::write(Write write, CommitDone done) { impl_->write(std::move(write), std::move(done)); }
void EmbeddedStore::write_batch(std::vector<Write> writes, BatchDone done) { impl_->write_batch(std::move(writes), std::move(done)); }
void EmbeddedStore::update(std::string key, Transform transform, CommitDone done) { impl_->update(std::move(key), std::move(transform), std::move(done)); }
Result<std::unique_ptr<Watch>> EmbeddedStore::watch(std::string_view prefix, Revision after, std::shared_ptr<WatchSink> sink) {
  return impl_->watch(prefix, after, std::move(sink));
}
Status EmbeddedStore::health() { return impl_->health(); }
EmbeddedStore::Stats EmbeddedStore::stats() { return impl_->stats(); }
void EmbeddedStore::compact(Revision revision) { impl_->compact(revision); }

}  // namespace reigen::store
