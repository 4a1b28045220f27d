#include "upload.h"

#include "error.h"
#include "limits.h"

namespace gdpfs {

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

Upload::Upload(const UploadParts& parts, Path path, const AppendBase& base)
    : parts_(parts), path_(std::move(path)), base_(base) {
  OpenUpload opened = open();
  chunking_ = std::move(opened.chunking);
  isUnsummed_ = opened.isUnsummed;
  id_ = std::move(opened.id);
}

Upload::~Upload() {
  std::unique_lock lock(mutex_);
  isIdle_.wait(lock, [&] { return bodiesInFlight_ == 0; });
}

OpenUpload Upload::open() const { return isAppend() ? parts_.api.openAppend(path_, base_) : parts_.api.openUpload(path_); }

std::string Upload::id() {
  const std::lock_guard lock(mutex_);
  return id_;
}

void Upload::add(std::uint64_t offset, std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (body_ == nullptr) bodyFirst_ = chunks_.size();
    // What it is, its sender finds out.
    chunks_.emplace_back();
  }
  if (body_ == nullptr) body_ = std::make_shared<FrameBody>();
  body_->add(offset, bytes);
  if (body_->size() >= limits::kBodyBytesTarget) dispatch();
}

void Upload::dispatch() {
  if (body_ == nullptr) return;
  parts_.budget.take();
  {
    const std::lock_guard lock(mutex_);
    bodiesInFlight_ += 1;
  }
  parts_.senders.run([this, body = std::move(body_), first = bodyFirst_] {
    std::exception_ptr failure;
    try {
      sendBody(*body, first);
    } catch (...) {
      failure = std::current_exception();
    }
    parts_.budget.release();
    const std::lock_guard lock(mutex_);
    if (failure != nullptr && failure_ == nullptr) failure_ = failure;
    bodiesInFlight_ -= 1;
    isIdle_.notify_all();
  });
  body_ = nullptr;
}

void Upload::sendBody(FrameBody& body, std::size_t firstChunk) {
  body.seal(isUnsummed_);
  for (int reopens = 0;; reopens += 1) {
    const std::string upload = id();
    try {
      send(upload, body);
      break;
    } catch (const Error& error) {
      // A server that has lost its index does not know the upload any more; what was sent is stored all the same.
      if (!error.is("upload_not_found") || reopens == limits::kUploadReopensMax) throw;
      const OpenUpload opened = open();
      const std::lock_guard lock(mutex_);
      if (id_ == upload) id_ = opened.id;
    }
  }
  for (std::size_t index = 0; index < body.count(); index += 1) {
    parts_.store.keepWritten(body.chunk(index).digest, body.block(index));
  }
  const std::lock_guard lock(mutex_);
  for (std::size_t index = 0; index < body.count(); index += 1) chunks_[firstChunk + index] = body.chunk(index);
}

void Upload::send(const std::string& upload, FrameBody& body) {
  if (isUnsummed_) {
    body.sum(parts_.api.sendUnsummedChunks(upload, body, body.count()));
  } else {
    parts_.api.sendChunks(upload, body);
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
    try {
      return parts_.api.commit(path_, {id(), size, log}, ifMatch);
    } catch (const Error& error) {
      if (!error.is("upload_not_found") || reopens == limits::kUploadReopensMax) throw;
      const OpenUpload opened = open();
      const std::lock_guard lock(mutex_);
      id_ = opened.id;
    }
  }
}

}  // namespace gdpfs
