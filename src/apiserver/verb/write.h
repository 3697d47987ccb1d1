// The way of every write to one object: read the newest state, make the new one, admit, validate, compare and set; again from the start
// when another write came between.
#pragma once

#include <functional>
#include <optional>

#include "apiserver/admission.h"
#include "apiserver/call.h"
#include "apiserver/strategy.h"

namespace reigen::apiserver {

struct WriteResult {
  bool created = false;
  store::EntryPtr entry;  // what is stored; null for a dry run and for a removal by an update
  api::Object object;     // the stored version, where entry is null
};
using WriteDone = std::function<void(Result<WriteResult>)>;

struct UpdatePlan {
  std::string namespace_, name;
  Part part = Part::kMain;
  bool dry_run = false;
  bool allow_create = false;       // server-side apply
  std::optional<std::string> uid;  // precondition
  // The wanted object (stored version, resourceVersion "" for "whatever it is now") from the current one, which is empty when there is
  // none. Runs once an attempt.
  std::function<Result<api::Object>(const api::Object& current)> make;
  WriteDone done;
};
// Everything up to the store on the caller's thread; done once, there or on the store's.
void run_update(const CallPtr& call, UpdatePlan plan);

struct CreatePlan {
  api::Object object;  // stored version, metadata not yet filled
  bool dry_run = false;
  WriteDone done;
};
void run_create(const CallPtr& call, CreatePlan plan);

// Answers the result in the version the client speaks.
void answer_write(const CallPtr& call, int code, const WriteResult& result);

// The object of a write under way (stored version), and whether it is what decoding the bytes encoded from it would give.
struct Written {
  api::Object object;
  bool exact = false;
};
Written written_form(Call& call, Part part, api::Object object);
// For every commit of a call, before it is answered: whoever asks next sees it, and in-process watchers need not decode it.
void note_commit(Call& call, const store::EntryPtr& entry = nullptr, Written written = {});

Part part_of(std::string_view subresource);
// Undoes what a strategy's begin_* took, unless the write takes it over.
struct Begun {
  Rollback rollback;
  Begun() = default;
  ~Begun() {
    if (rollback) rollback();
  }
  Begun(const Begun&) = delete;
  Begun& operator=(const Begun&) = delete;
};
StrategyContext strategy_context(Call& call, Part part, bool dry_run);
AdmissionRequest admission_request(Call& call, Operation operation, bool dry_run, api::Object* object, const api::Object* old);
// Mutating, resp. validating, admission in order; an error that is no status becomes 403.
Status admit(Call& call, AdmissionRequest& request);
Status admit_validate(Call& call, const AdmissionRequest& request);
// The manager of managedFields: as asked, else the first part of User-Agent.
std::string manager_of(Call& call, const std::string& asked);

// The request's object, as a body or already decoded, in `kind`; findings of the field validation become warnings.
Result<api::Object> read_object(Call& call, const WriteOptions& options, const api::KindInfo& kind);
// What the strategy does to an object that is to be created, and its validation. The system fields are filled before.
Status prepare_new(Call& call, std::string_view namespace_, StrategyContext& context, api::Object& object, Begun& begun);

// Marks or removes an object as a deletion asks. `answer` gets the object or Status that the client is to see.
struct DeleteResult {
  api::Object object;  // served version, or empty: a Status is to be answered
  std::string uid;
  bool deleted = true;
};
void run_delete(const CallPtr& call, std::string namespace_, std::string name, DeleteOptions options, std::function<void(Result<DeleteResult>)> done);

}  // namespace reigen::apiserver
