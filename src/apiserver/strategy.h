// Strategy: what one kind does beyond what all kinds do. One object a resource, stateless or thread-safe, lives as long as the server.
//
// Objects are of the kind's stored (internal) version. All hooks run on an I/O thread, outside the store's writer, and again when the write
// conflicts with another one: a hook must give the same answer for the same input, or release what it took (see begin_create).
// The generic core does for every kind, so that no strategy does: decoding, schema defaults, managedFields, metadata (name, uid,
// creationTimestamp, generation, resourceVersion, deletion fields), validation of metadata, status isolation, CAS.
// Order of a create: begin_create -> prepare_create -> validate -> warnings -> canonicalize -> store.
// Order of an update: begin_update -> prepare_update -> validate_update -> warnings_on_update -> canonicalize -> store -> after_update.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/field_error.h"
#include "apiserver/user.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"

namespace reigen::api {
class Object;
struct KindInfo;
}  // namespace reigen::api

namespace reigen::apiserver {

class Authorizer;
class ObjectReader;
class RbacAuthorizer;
class ServiceAllocator;

// Which part of an object a write is about. Each subresource that writes the object itself is one.
enum class Part : unsigned char { kMain, kStatus, kScale, kBinding, kEphemeralContainers, kResize, kFinalize, kApproval };

struct StrategyContext {
  Part part = Part::kMain;
  std::string_view namespace_;
  std::string_view group;    // with it, what tells the two kinds of events apart
  std::string_view version;  // the version the client speaks
  const User* user = nullptr;
  ObjectReader* reader = nullptr;
  Random* random = nullptr;
  WallTime now;
  bool dry_run = false;
  ServiceAllocator* services = nullptr;  // null: nothing is allocated (tests)
  RbacAuthorizer* rbac = nullptr;        // whose rules bound what a user may grant; null: no bound
  Authorizer* authorizer = nullptr;      // null: everything is allowed
  std::vector<std::string> notes;        // what prepare_* has for warnings to say
};

// Undoes what begin_* took (an address, a port) when the write fails; or nothing.
using Rollback = std::move_only_function<void()>;

struct DeleteOptionsView {
  std::optional<int64_t> grace_period_seconds;  // as the client asked
};

class Strategy {
 public:
  virtual ~Strategy() = default;

  // Main part: resets what the user may not set (status); other parts never create.
  virtual void prepare_create(StrategyContext&, api::Object& object) const;
  // Main part: takes status from old and keeps immutable allocations; kStatus: takes all but status from old. The defaults do just that,
  // by the fields `spec` and `status` of the kind's table. Generation is set by the core when the spec (or, for kinds without a
  // status, nothing) changed: see counts_generation.
  virtual void prepare_update(StrategyContext&, api::Object& object, const api::Object& old) const;

  virtual void validate(StrategyContext&, const api::Object& object, api::FieldErrors& errors) const;
  // Metadata was compared already. The default calls validate() on the new object.
  virtual void validate_update(StrategyContext&, const api::Object& object, const api::Object& old, api::FieldErrors& errors) const;

  // Texts of Warning headers.
  virtual void warnings(StrategyContext&, const api::Object& object, std::vector<std::string>& texts) const;
  virtual void warnings_on_update(StrategyContext&, const api::Object& object, const api::Object& old, std::vector<std::string>& texts) const;

  virtual void canonicalize(api::Object& object) const;

  // First step, once the object has its metadata; may allocate, which the rollback undoes when a later step fails. With ctx.dry_run it
  // must leave nothing behind.
  virtual Result<Rollback> begin_create(StrategyContext&, api::Object& object) const;
  virtual Result<Rollback> begin_update(StrategyContext&, api::Object& object, const api::Object& old) const;
  // After the write is durable; on the store's callback thread: be quick. Not called for a dry run.
  virtual void after_update(StrategyContext&, const api::Object& object, const api::Object& old) const;
  virtual void after_delete(StrategyContext&, const api::Object& object) const;

  // What is wrong with a metadata.name (texts of api/validation.h), or nothing. The default asks for a DNS-1123 subdomain. `prefix`: the
  // name is a generateName, whose trailing dash is fine (api::mask_trailing_dash).
  virtual std::vector<std::string> check_name(std::string_view name, bool prefix) const;
  // How long the store keeps a write of the object; zero: until it is deleted. Events live an hour.
  virtual Duration time_to_live(const api::Object&) const { return Duration::zero(); }
  virtual bool allow_create_on_update() const { return false; }
  // May an update come without resourceVersion?
  virtual bool allow_unconditional_update() const { return true; }
  // Does metadata.generation start at 1 and count the changes of spec (and of deletion)?
  virtual bool counts_generation() const { return false; }
  // Did what generation counts change? The default compares all but metadata and status.
  virtual bool spec_changed(const api::Object& object, const api::Object& old) const;
  // Kubernetes checks the metadata of an update twice for nearly all kinds: once for all, once in the kind's ValidateUpdate, so that each
  // of its errors comes twice. False for kinds whose ValidateUpdate does not.
  virtual bool repeats_metadata_errors() const { return true; }

  // Graceful deletion: the grace period with which an object is only marked as deleted, or nothing for a kind that is removed at once.
  // `asked` is what the client gave. 0: at once.
  virtual std::optional<int64_t> grace_period(StrategyContext&, const api::Object& object, std::optional<int64_t> asked) const;
  // Changes made when an object is marked (generation, status); default none.
  virtual void prepare_graceful_delete(StrategyContext&, api::Object& object) const;
  // A reason not to delete the object now (a Status as detail), or ok.
  virtual Status check_delete(StrategyContext&, const api::Object& object) const;
  // Does a deletion at once answer the object (true) or a Status?
  virtual bool returns_deleted_object() const { return false; }
  // May an object without finalizers, marked as deleted, go with this update? Namespaces also wait for spec.finalizers.
  virtual bool may_be_removed(const api::Object&) const { return true; }
  // When true and the client names no policy, dependents are orphaned (no kind of today's versions; ReplicationController by v1 API).
  virtual bool orphans_by_default() const { return false; }

  // Selectable fields beyond metadata.name and metadata.namespace: the labels this kind knows, e.g. "spec.nodeName". `fields` is called once
  // at start, `field_value` per object (metadata.* is the core's); a label not in fields() is refused. Kinds that name none have
  // metadata.name and metadata.namespace.
  virtual std::vector<std::string_view> fields() const { return {}; }
  virtual std::string field_value(const api::Object& object, std::string_view field) const;
};

// Asks a name only for what a path can hold: the rule of the common check of updates.
const Strategy& path_segment_strategy();

// For prepare_*: the field `status`, by the kind's table; nothing for kinds without one.
void reset_status(api::Object& object);
void keep_status(api::Object& object, const api::Object& old);
// All but status (and metadata, which an update of the status may change) from old.
void keep_all_but_status(api::Object& object, const api::Object& old);

}  // namespace reigen::apiserver
