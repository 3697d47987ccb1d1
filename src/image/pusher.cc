#include "image/pusher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <set>

#include "base/fd.h"
#include "base/files.h"
#include "image/byte_source.h"
#include "image/digest.h"
#include "image/image_writer.h"
#include "image/json_writer.h"
#include "image/manifest.h"
#include "image/registry_state.h"
#include "image/store_state.h"

namespace reigen::image {
namespace {

constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr uint64_t kTellEvery = 512 << 10;

// A blob to be in the registry.
struct Piece {
  std::string diff_id;  // of a layer; empty: the configuration
  std::string digest;
  uint64_t size = 0;
  LayerInfo layer;
  std::string file;  // where its bytes are; empty: they have to be packed
  std::string text;  // or these
};

class PushJob {
 public:
  PushJob(ImageStore& store, const PullerOptions& settings, const Reference& reference, const PushOptions& options)
      : store_(store), settings_(settings), reference_(reference), options_(options), pull_(as_pull(options)), client_(reference, settings, pull_) {}

  Result<PushReport> run() {
    TRY_ASSIGN(auto record, store_.find(reference_.store_name()));
    TRY_ASSIGN(writer_, ImageWriter::begin(store_));
    TRY_ASSIGN(auto config, store_.blob(record.id));
    TRY_ASSIGN(auto layers, store_.layers(record.id));
    for (const auto& layer : layers) tell(layer.diff_id, "Preparing");
    find_others(record);
    TRY(open());
    TRY_ASSIGN(auto manifest, plan(record, config, layers));
    for (auto& piece : pieces_) TRY(send(piece));
    return finish(manifest);
  }

 private:
  static PullOptions as_pull(const PushOptions& options) {
    PullOptions out;
    const auto& c = options.credentials;
    if (!c.username.empty() || !c.identity_token.empty() || !c.registry_token.empty()) out.credentials.push_back(c);
    out.cancel = options.cancel;
    return out;
  }

  RegistryClient::State& state() { return client_.state(); }

  void tell(const std::string& id, const std::string& status, uint64_t current = 0, uint64_t total = 0) {
    if (options_.progress && !id.empty()) options_.progress({id, status, current, total});
  }

  // Other repositories of the same registry that have this image.
  void find_others(const ImageRecord& record) {
    for (const auto& name : record.repo_digests) {
      auto other = parse_reference(name);
      if (other && other->registry == reference_.registry && other->repository != reference_.repository) others_.push_back(other->repository);
    }
  }

  // Learns how the registry is reached and asks for a token of all that will be needed.
  Status open() {
    auto& s = state();
    s.scopes = {"repository:" + reference_.repository + ":pull,push"};
    for (const auto& other : others_) s.scopes.push_back("repository:" + other + ":pull");
    TRY_ASSIGN(auto answer, s.ask("", {}));
    if (answer.status == 200 || answer.status == 404) return {};
    return fail(denied(answer, "registry"));
  }

  // Docker's own words where a push, not a pull, is refused.
  Error denied(const RegistryAnswer& answer, const std::string& what) {
    if (answer.status == 401 || answer.status == 403)
      return {answer.status == 401 ? Code::kUnauthenticated : Code::kPermissionDenied, "denied: requested access to the resource is denied"};
    return state().error_of(answer, what);
  }

  // What is sent: the manifest as it came, when all it names can be given; else Docker's, of gzip layers.
  Result<std::string> plan(const ImageRecord& record, const std::string& config, const std::vector<LayerInfo>& layers) {
    Piece own;
    own.digest = record.id;
    own.text = config;
    own.size = config.size();
    if (auto kept = keep_manifest(record, layers)) {
      pieces_.push_back(std::move(own));
      return std::move(*kept);
    }
    JsonWriter json;
    json.begin_object().key("schemaVersion").value(int64_t{2}).key("mediaType").value(media::kDockerManifest);
    json.key("config").begin_object().key("mediaType").value(kDockerConfig).key("size").value(static_cast<int64_t>(config.size()));
    json.key("digest").value(record.id).end_object().key("layers").begin_array();
    for (const auto& layer : layers) {
      TRY_ASSIGN(auto piece, as_gzip(layer));
      json.begin_object().key("mediaType").value(kDockerLayer).key("size").value(static_cast<int64_t>(piece.size));
      json.key("digest").value(piece.digest).end_object();
      pieces_.push_back(std::move(piece));
    }
    pieces_.push_back(std::move(own));
    return json.end_array().end_object().take();
  }

  std::optional<std::string> keep_manifest(const ImageRecord& record, const std::vector<LayerInfo>& layers) {
    if (record.repo_digests.empty()) return std::nullopt;  // made here
    auto text = store_.blob(record.manifest_digest);
    if (!text) return std::nullopt;
    auto manifest = parse_manifest(*text);
    if (!manifest || manifest->layers.size() != layers.size() || manifest->config.digest != record.id) return std::nullopt;
    std::vector<Piece> pieces;
    for (size_t i = 0; i < layers.size(); ++i) {
      // A layer that came with another image may be here in another packing.
      if (layers[i].blob != manifest->layers[i].digest || !path_exists(store_.blob_path(layers[i].blob))) return std::nullopt;
      pieces.push_back({layers[i].diff_id, layers[i].blob, layers[i].blob_size, layers[i], store_.blob_path(layers[i].blob), {}});
    }
    pieces_ = std::move(pieces);
    return std::move(*text);
  }

  std::string note_path(const LayerInfo& layer) const { return store_.state().layer_path(layer.chain_id) + "/gzip"; }

  // The layer as gzip: as it is, or as an earlier push packed it (only its digest is kept), or packed now.
  Result<Piece> as_gzip(const LayerInfo& layer) {
    Piece out;
    out.diff_id = layer.diff_id;
    out.layer = layer;
    if (layer.media_type == media::kOciLayerGzip) {
      out.digest = layer.blob;
      out.size = layer.blob_size;
      out.file = store_.blob_path(layer.blob);
      return out;
    }
    if (auto note = read_file(note_path(layer), 4096)) {
      auto blank = note->find(' ');
      out.digest = note->substr(0, blank);
      if (blank != std::string::npos) std::from_chars(note->data() + blank + 1, note->data() + note->size(), out.size);
      if (is_digest(out.digest) && out.size > 0) return out;
    }
    TRY(pack(out));
    return out;
  }

  Status pack(Piece& piece) {
    std::string from = store_.blob_path(piece.layer.blob), to = writer_->directory() + "/push-" + std::to_string(next_++);
    Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) return fail_errno("open " + from);
    Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!out) return fail_errno("open " + to);
    FdSource packed(in.get(), from);
    TRY_ASSIGN(auto source, UnpackingSource::open(packed));
    GzipWriter gzip(out.get(), to);
    std::vector<char> buffer(1 << 17);
    while (true) {
      if (options_.cancel && options_.cancel->load()) return fail(Code::kCancelled, "cancelled");
      TRY_ASSIGN(size_t count, source->read(buffer.data(), buffer.size()));
      if (count == 0) break;
      TRY(gzip.write({buffer.data(), count}));
    }
    TRY(gzip.finish());
    std::string digest = gzip.digest();
    if (!piece.digest.empty() && digest != piece.digest)
      return fail(Code::kUnavailable, "layer " + piece.diff_id + " was packed by another zlib before; push again");
    piece.digest = digest;
    piece.size = gzip.size();
    piece.file = to;
    // Beside the layer, so that it goes with it.
    return write_file(note_path(piece.layer), digest + " " + std::to_string(piece.size) + "\n");
  }

  Status send(Piece& piece) {
    auto& s = state();
    RegistryRequest head;
    head.method = "HEAD";
    head.url = s.url("blobs/" + piece.digest);
    TRY_ASSIGN(auto there, s.ask(head));
    if (there.status == 200) {
      tell(piece.diff_id, "Layer already exists");
      return {};
    }
    if (there.status != 404) return fail(denied(there, "layer " + piece.digest));
    if (piece.file.empty() && piece.text.empty()) {
      auto packed = pack(piece);
      if (!packed) (void)remove_tree(note_path(piece.layer));
      TRY(packed);
    }
    RegistryAnswer begun;
    for (const auto& other : others_) {
      TRY_ASSIGN(begun, begin("?mount=" + piece.digest + "&from=" + other));
      if (begun.status == 201) {
        tell(piece.diff_id, "Mounted from " + other);
        return {};
      }
      if (begun.status == 202) break;  // not there: an upload has begun instead
    }
    return upload(piece, begun);
  }

  Result<RegistryAnswer> begin(const std::string& query) {
    RegistryRequest request;
    request.method = "POST";
    request.url = state().url("blobs/uploads/" + query);
    return state().ask(request);
  }

  // Where an upload goes on. Relative ones are the registry's own.
  std::string location(const RegistryAnswer& answer) {
    auto it = answer.headers.find("location");
    if (it == answer.headers.end()) return "";
    return it->second.starts_with('/') ? state().base + it->second : it->second;
  }

  Status upload(const Piece& piece, RegistryAnswer begun) {
    Fd fd;
    if (piece.text.empty()) {
      fd = Fd(::open(piece.file.c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd) return fail_errno("open " + piece.file);
    }
    for (unsigned attempt = 1;; ++attempt) {
      if (begun.status != 202) {
        TRY_ASSIGN(begun, begin(""));
      }
      std::string target = location(begun);
      RegistryAnswer answer = begun;
      if (begun.status == 202 && !target.empty()) {
        TRY_ASSIGN(answer, put(piece, fd.get(), target, 0));
        // Broken off: what has arrived need not be sent again, where the registry says how much that is.
        for (uint64_t reached = 0; answer.status == 0;) {
          TRY(state().pause(kFirstPause));
          TRY_ASSIGN(uint64_t from, arrived(target));
          if (from <= reached || from >= piece.size) break;
          reached = from;
          TRY_ASSIGN(answer, put(piece, fd.get(), target, from));
        }
      }
      if (answer.status == 201 || answer.status == 204) {
        tell(piece.diff_id, "Pushed", piece.size, piece.size);
        return {};
      }
      bool transient = answer.status == 0 || answer.status >= 500 || answer.status == 404 || answer.status == 416;
      if (!transient || attempt >= settings_.attempts) return fail(denied(answer, "upload of " + piece.digest));
      TRY(state().pause(kFirstPause * (1u << std::min(attempt, 6u))));
      begun = {};
    }
  }

  // How much of an upload the registry has; 0 when it does not say. `target` becomes where to go on.
  Result<uint64_t> arrived(std::string& target) {
    RegistryRequest request;
    request.url = target;
    TRY_ASSIGN(auto answer, state().ask(request));
    auto range = answer.headers.find("range");
    if (answer.status != 204 || range == answer.headers.end()) return uint64_t{0};
    auto dash = range->second.find('-');
    uint64_t last = 0;
    if (dash == std::string::npos) return uint64_t{0};
    std::from_chars(range->second.data() + dash + 1, range->second.data() + range->second.size(), last);
    if (auto next = location(answer); !next.empty()) target = next;
    return last == 0 || last == UINT64_MAX ? uint64_t{0} : last + 1;
  }

  // The whole, or what is left, in one PUT that also ends the upload.
  Result<RegistryAnswer> put(const Piece& piece, int fd, const std::string& target, uint64_t from) {
    RegistryRequest request;
    request.method = "PUT";
    request.url = target + (target.find('?') == std::string::npos ? "?" : "&") + "digest=" + piece.digest;
    request.headers = {"Content-Type: application/octet-stream"};
    if (from > 0) request.headers.push_back("Content-Range: " + std::to_string(from) + "-" + std::to_string(piece.size - 1));
    if (piece.text.empty()) {
      request.fd = fd;
      request.offset = from;
      request.size = piece.size - from;
    } else {
      request.text = std::string_view(piece.text).substr(from);
    }
    uint64_t told = 0;
    request.sent = [&](uint64_t count) {
      uint64_t sent = from + count;
      if (sent < told + kTellEvery && sent != piece.size) return;
      told = sent;
      tell(piece.diff_id, "Pushing", sent, piece.size);
    };
    return state().ask(request);
  }

  Result<PushReport> finish(const std::string& manifest) {
    TRY_ASSIGN(bool index, is_index(manifest));
    if (index) return fail(Code::kInternal, "an index cannot be pushed");
    RegistryRequest request;
    request.method = "PUT";
    request.url = state().url("manifests/" + reference_.tag);
    request.headers = {"Content-Type: " + media_type(manifest)};
    request.text = manifest;
    TRY_ASSIGN(auto answer, state().ask(request));
    if (answer.status < 200 || answer.status > 299) return fail(denied(answer, "manifest"));
    PushReport out{reference_.tag, digest_of(manifest), manifest.size()};
    // From now on the image has a digest in this repository, by which it can be pulled.
    TRY_ASSIGN(auto record, store_.find(reference_.store_name()));
    TRY(writer_->commit(*store_.blob(record.id), manifest, {}, {reference_.name() + "@" + out.digest}));
    return out;
  }

  static std::string media_type(const std::string& manifest) {
    bool docker = manifest.find(media::kDockerManifest) != std::string::npos;
    return std::string(docker ? media::kDockerManifest : media::kOciManifest);
  }

  ImageStore& store_;
  const PullerOptions& settings_;
  const Reference& reference_;
  const PushOptions& options_;
  PullOptions pull_;
  RegistryClient client_;
  std::unique_ptr<ImageWriter> writer_;
  std::vector<std::string> others_;
  std::vector<Piece> pieces_;
  uint64_t next_ = 0;
};

}  // namespace

Result<PushReport> Pusher::push(const Reference& reference, const PushOptions& options) {
  if (reference.tag.empty()) return fail(Code::kInvalidArgument, "cannot push a digest reference");
  auto report = PushJob(store_, options_, reference, options).run();
  if (report) return report;
  // A registry that lets nobody in says so with its first answer; Docker's words for a push.
  Code code = report.error().code();
  if (code != Code::kUnauthenticated && code != Code::kPermissionDenied) return report;
  const auto& c = options.credentials;
  bool none = c.username.empty() && c.identity_token.empty() && c.registry_token.empty();
  return fail(code, none ? "no basic auth credentials" : "denied: requested access to the resource is denied");
}

}  // namespace reigen::image
