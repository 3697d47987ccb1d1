// Writes of the embedded store: admission under one mutex, then the loop that commits and publishes batches.
#include <fmt/core.h>

#include "base/log.h"
#include "store/embedded_impl.h"

namespace reigen::store {
namespace {
// One transaction takes at most this much, so that a flood delays a reader of its own write by milliseconds only.
constexpr size_t kMaxBatch = 2048;
constexpr size_t kMaxBatchBytes = 8 << 20;
constexpr int kMaxUpdateAttempts = 16;

int64_t unix_ns(WallTime time) { return time.time_since_epoch().count(); }
}  // namespace

EntryPtr EmbeddedStore::Impl::latest(std::string_view key) const {
  if (!overlay_.empty()) {
    auto found = overlay_.find(std::string(key));
    if (found != overlay_.end()) return found->second.entry;
  }
  auto* found = index_.find(key);
  return found ? *found : nullptr;
}

Status EmbeddedStore::Impl::check(const Write& write, const EntryPtr& current) const {
  if (write.expected) {
    if (*write.expected == 0 && current) return fail(Code::kAlreadyExists, write.key + " exists already");
    if (*write.expected != 0 && !current) return fail(Code::kNotFound, write.key + " does not exist");
    if (current && current->mod_revision != *write.expected)
      return fail(Code::kConflict, fmt::format("{} is at revision {}, not {}", write.key, current->mod_revision, *write.expected));
  }
  if (!write.value && !current) return fail(Code::kNotFound, write.key + " does not exist");
  for (const auto& also : write.also) {
    auto other = latest(also.key);
    Revision revision = other ? other->mod_revision : 0;
    if (revision != also.mod_revision)
      return fail(Code::kConflict, fmt::format("precondition: {} is at revision {}, not {}", also.key, revision, also.mod_revision));
  }
  return {};
}

Status EmbeddedStore::Impl::admit(Write& write, CommitDone& done) {
  if (failed_) return fail(*failed_);
  if (stopping_) return fail(Code::kUnavailable, "the store stops");
  if (queue_.size() >= options_.max_pending_writes) return fail(Code::kUnavailable, "too many writes are pending");
  EntryPtr current = latest(write.key);
  TRY(check(write, current));
  Pending pending{.revision = ++last_revision_, .previous = current, .done = std::move(done)};
  if (write.value) {
    Revision created = current ? current->create_revision : pending.revision;
    pending.entry = std::make_shared<const Entry>(Entry{write.key, std::move(write.value), created, pending.revision});
    if (write.ttl > Duration::zero()) pending.expires = unix_ns(clock_.wall() + write.ttl);
  }
  overlay_[std::move(write.key)] = {pending.revision, pending.entry};
  queue_.push_back(std::move(pending));
  return {};
}

bool EmbeddedStore::Impl::claim_loop() {
  if (busy_) return false;
  busy_ = true;
  return true;
}

void EmbeddedStore::Impl::start_loop() {
  if (own_) {
    own_->post([this] { run_loop(); });
  } else {
    run_loop();
  }
}

void EmbeddedStore::Impl::add_chore(Fn chore) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    chores_.push_back(std::move(chore));
    if (!claim_loop()) return;
  }
  start_loop();
}

Status EmbeddedStore::Impl::try_write(Write& write, CommitDone& done) {
  {
    std::lock_guard lock(mutex_);
    TRY(admit(write, done));
    if (!claim_loop()) return {};
  }
  start_loop();
  return {};
}

void EmbeddedStore::Impl::write(Write write, CommitDone done) {
  if (auto status = try_write(write, done); !status) done(fail(std::move(status).error()));
}

void EmbeddedStore::Impl::write_batch(std::vector<Write> writes, BatchDone done) {
  struct Batch {
    std::vector<Result<Commit>> results;
    std::atomic<size_t> missing;
    BatchDone done;
    void finish_one() {
      if (missing.fetch_sub(1) == 1) done(std::move(results));
    }
  };
  auto batch = std::make_shared<Batch>();
  batch->results.resize(writes.size());
  batch->missing = writes.size() + 1;
  batch->done = std::move(done);
  bool start = false;
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < writes.size(); ++i) {
      CommitDone one = [batch, i](Result<Commit> result) {
        batch->results[i] = std::move(result);
        batch->finish_one();
      };
      if (auto status = admit(writes[i], one); !status) {
        batch->results[i] = fail(std::move(status).error());
        --batch->missing;
      }
    }
    start = !queue_.empty() && claim_loop();
  }
  if (start) start_loop();
  batch->finish_one();
}

void EmbeddedStore::Impl::update(std::string key, Transform transform, CommitDone done) {
  for (int attempt = 0;; ++attempt) {
    EntryPtr current = get_latest(key);
    auto update = transform(current);
    if (!update) return done(fail(std::move(update).error()));
    if (update->unchanged) return wait_for_pending({current ? current->mod_revision : 0, current, current}, std::move(done));
    Write write{key, std::move(update->value), current ? current->mod_revision : 0, std::move(update->also), update->ttl};
    if (!write.value && !current) return done(fail(Code::kNotFound, key + " does not exist"));
    auto status = try_write(write, done);
    if (status) return;
    Code code = status.error().code();
    bool lost_race = code == Code::kConflict || code == Code::kAlreadyExists || code == Code::kNotFound;
    if (!lost_race || get_latest(key) == current) return done(fail(std::move(status).error()));
    if (attempt + 1 == kMaxUpdateAttempts) return done(fail(Code::kConflict, key + " keeps changing"));
  }
}

void EmbeddedStore::Impl::wait_for_pending(Commit commit, CommitDone done) {
  bool start = false;
  {
    std::lock_guard lock(mutex_);
    if (commit.revision > published_ && !stopping_ && !failed_) {
      queue_.push_back({.entry = std::move(commit.entry), .previous = std::move(commit.previous), .done = std::move(done)});
      start = claim_loop();
    }
  }
  if (done) done(std::move(commit));
  if (start) start_loop();
}

std::vector<EmbeddedStore::Impl::Pending> EmbeddedStore::Impl::take_batch() {
  std::vector<Pending> batch;
  size_t bytes = 0;
  while (!queue_.empty() && batch.size() < kMaxBatch && bytes < kMaxBatchBytes) {
    auto& next = queue_.front();
    bytes += next.entry ? next.entry->value->size() : 0;
    batch.push_back(std::move(next));
    queue_.pop_front();
  }
  return batch;
}

void EmbeddedStore::Impl::run_loop() {
  std::unique_lock lock(mutex_);
  while (!chores_.empty() || !queue_.empty()) {
    auto chores = std::exchange(chores_, {});
    auto batch = take_batch();
    lock.unlock();
    for (auto& chore : chores) chore();
    auto [finished, events] = commit(std::move(batch));
    if (!own_) {
      hub_.publish(events);
      // Whoever is told may write again, and expects that to be done when the call returns.
      lock.lock();
      busy_ = false;
      lock.unlock();
    }
    for (auto& [done, result] : finished) {
      if (done) done(std::move(result));
    }
    finished.clear();
    // Writers do not wait for the watchers, who may be many.
    if (own_) hub_.publish(events);
    lock.lock();
    if (!own_) {
      if (busy_) return;
      busy_ = true;
    }
  }
  busy_ = false;
  idle_.notify_all();
}

EmbeddedStore::Impl::Committed EmbeddedStore::Impl::commit(std::vector<Pending> batch) {
  if (batch.empty()) return {};
  if (auto ok = health(); !ok) return {fail_batch(std::move(batch), ok.error()), {}};
  std::vector<LogRow> rows;
  rows.reserve(batch.size());
  for (const auto& write : batch) {
    if (write.revision == 0) continue;
    LogRow row{.revision = write.revision, .key = write.key(), .deleted = !write.entry, .expires = write.expires};
    if (write.entry) {
      row.value = *write.entry->value;
      row.create_revision = write.entry->create_revision;
    }
    rows.push_back(row);
  }
  Committed committed;
  if (!rows.empty()) {
    if (auto appended = database_->append(rows); !appended) return {fail_batch(std::move(batch), appended.error()), {}};
    committed.events = apply(batch);
  }
  auto& finished = committed.finished;
  finished.reserve(batch.size());
  for (auto& write : batch) {
    Revision revision = write.revision ? write.revision : write.entry ? write.entry->mod_revision : 0;
    finished.push_back({std::move(write.done), Commit{revision, std::move(write.entry), std::move(write.previous)}});
  }
  // Upkeep comes after the answers.
  std::lock_guard lock(mutex_);
  chores_.push_back([this] { after_commit(); });
  return committed;
}

std::vector<EmbeddedStore::Impl::Finished> EmbeddedStore::Impl::fail_batch(std::vector<Pending> batch, const Error& error) {
  bool clean = error.code() == Code::kResourceExhausted;
  if (clean) {
    LOG(kError, "store", "write refused: {}", error.message());
  } else {
    stop_writes(error);
  }
  {
    // What is queued was checked against what now never happens.
    std::lock_guard lock(mutex_);
    for (auto& write : queue_) batch.push_back(std::move(write));
    queue_.clear();
    overlay_.clear();
  }
  std::vector<Finished> finished;
  for (auto& write : batch) finished.push_back({std::move(write.done), fail(clean ? error : health().error())});
  return finished;
}

void EmbeddedStore::Impl::stop_writes(const Error& error) {
  {
    std::lock_guard lock(mutex_);
    if (failed_) return;
    failed_ = Error(Code::kUnavailable, "the store takes no more writes until it is restarted: " + error.message());
  }
  LOG(kError, "store", "stopped for writes: {}", error.message());
  if (options_.on_failure) options_.on_failure(error);
}

std::vector<EventPtr> EmbeddedStore::Impl::apply(const std::vector<Pending>& batch) {
  std::vector<EventPtr> events;
  events.reserve(batch.size());
  for (const auto& write : batch) {
    if (write.revision != 0) events.push_back(std::make_shared<const Event>(Event{write.revision, write.entry, write.previous}));
  }
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  std::unique_lock index_lock(index_mutex_);
  for (const auto& event : events) {
    if (event->entry) {
      index_.put(event->entry);
    } else {
      index_.erase(event->key());
    }
    auto pending = overlay_.find(event->key());
    if (pending != overlay_.end() && pending->second.revision == event->revision) overlay_.erase(pending);
    history_.push(event, now);
  }
  published_ = events.back()->revision;
  index_lock.unlock();
  ++commits_;
  rows_ += events.size();
  for (const auto& write : batch) {
    if (write.expires == 0) continue;
    expiries_.push({write.expires, write.entry});
    schedule_tick(now + std::max<Duration>(Duration(write.expires - unix_ns(clock_.wall())), Duration::zero()));
  }
  schedule_tick(now + options_.history_window + options_.history_window / 16);
  return events;
}

}  // namespace reigen::store
