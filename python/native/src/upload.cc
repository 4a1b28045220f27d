#include "upload.h"

#include "crc32.h"
#include "digest.h"
#include "error.h"
#include "limits.h"

namespace gdpfs {
namespace {

constexpr std::size_t kFrameHeaderBytes = 16;

}  // namespace

void BodyBudget::take() {
  std::unique_lock lock(mutex_);
  isFree_.wait(lock, [&] { return inFlight_ < limits::kBodiesInFlightMax; });
  inFlight_ += 1;
}

void BodyBudget::release() {
  const std::lock_guard lock(mutex_);
  inFlight_ -= 1;
  isFree_.notify_one();
}

Upload::Upload(const UploadParts& parts, Path path) : parts_(parts), path_(std::move(path)) { open(); }

Upload::~Upload() {
  std::unique_lock lock(mutex_);
  isIdle_.wait(lock, [&] { return bodiesInFlight_ == 0; });
}

void Upload::open() {
  OpenUpload opened = parts_.api.openUpload(path_);
  chunking_ = std::move(opened.chunking);
  const std::lock_guard lock(mutex_);
  id_ = std::move(opened.id);
}

std::string Upload::id() {
  const std::lock_guard lock(mutex_);
  return id_;
}

void Upload::add(std::uint64_t offset, std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (body_.empty()) bodyFirst_ = chunks_.size();
    Chunk chunk;
    chunk.offset = offset;
    chunk.length = static_cast<std::uint32_t>(bytes.size());
    chunks_.push_back(chunk);
  }
  if (body_.empty()) body_.reserve(limits::kBodyBytesTarget + limits::kBodyBytesTarget / 2);
  body_.append(kFrameHeaderBytes, '\0');
  body_ += bytes;
  if (body_.size() >= limits::kBodyBytesTarget) dispatch();
}

void Upload::dispatch() {
  if (body_.empty()) return;
  parts_.budget.take();
  {
    const std::lock_guard lock(mutex_);
    bodiesInFlight_ += 1;
  }
  // A task must be copyable.
  auto frames = std::make_shared<std::string>(std::move(body_));
  body_ = std::string();
  parts_.workers.run([this, frames, first = bodyFirst_] {
    std::exception_ptr failure;
    try {
      sendBody(*frames, first);
    } catch (...) {
      failure = std::current_exception();
    }
    parts_.budget.release();
    const std::lock_guard lock(mutex_);
    if (failure != nullptr && failure_ == nullptr) failure_ = failure;
    bodiesInFlight_ -= 1;
    isIdle_.notify_all();
  });
}

void Upload::sendBody(std::string& frames, std::size_t firstChunk) {
  std::size_t index = firstChunk;
  for (std::size_t position = 0; position < frames.size(); index += 1) {
    Chunk chunk;
    {
      const std::lock_guard lock(mutex_);
      chunk = chunks_[index];
    }
    char* const header = frames.data() + position;
    const std::string_view data(header + kFrameHeaderBytes, chunk.length);
    chunk.checksum = crc32(data);
    chunk.digest = sha256(data);
    putBigEndian(header, chunk.offset, 8);
    putBigEndian(header + 8, chunk.checksum, 4);
    putBigEndian(header + 12, chunk.length, 4);
    position += kFrameHeaderBytes + chunk.length;
    const std::lock_guard lock(mutex_);
    chunks_[index] = chunk;
  }
  for (int reopens = 0;; reopens += 1) {
    const std::string upload = id();
    try {
      return parts_.api.sendChunks(upload, frames);
    } catch (const Error& error) {
      // A server that has lost its index does not know the upload any more; what was sent is stored all the same.
      if (!error.is("upload_not_found") || reopens == limits::kUploadReopensMax) throw;
      const OpenUpload opened = parts_.api.openUpload(path_);
      const std::lock_guard lock(mutex_);
      if (id_ == upload) id_ = opened.id;
    }
  }
}

std::vector<Chunk> Upload::finish() {
  dispatch();
  std::unique_lock lock(mutex_);
  isIdle_.wait(lock, [&] { return bodiesInFlight_ == 0; });
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  return std::move(chunks_);
}

void Upload::commit(const FileLog& log, std::uint64_t size, const std::string& ifMatch) {
  for (int reopens = 0;; reopens += 1) {
    UploadCommit commit;
    commit.upload = id();
    commit.size = size;
    commit.root = log.root;
    commit.content = log.content;
    commit.records = log.records;
    try {
      return parts_.api.commit(path_, commit, ifMatch);
    } catch (const Error& error) {
      if (!error.is("upload_not_found") || reopens == limits::kUploadReopensMax) throw;
      open();
    }
  }
}

}  // namespace gdpfs
