#include "workers.h"

#include <chrono>
#include <system_error>
#include <thread>

#include "limits.h"

namespace gdpfs {

void Workers::run(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  if (tasks_.size() + 1 > idle_ && threads_ < threadsMax_()) startThread();
  if (threads_ > 0) {
    tasks_.push_back(std::move(task));
    return hasTask_.notify_one();
  }
  lock.unlock();
  task();
}

void Workers::startThread() {
  try {
    std::thread([this] { work(); }).detach();
    threads_ += 1;
  } catch (const std::system_error&) {
    // The system has no more: those that are there go on.
  }
}

void Workers::stop() {
  std::unique_lock lock(mutex_);
  isStopped_ = true;
  isIdle_.wait_for(lock, std::chrono::milliseconds(limits::kProcessEndMs), [&] { return idle_ == threads_; });
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    idle_ += 1;
    isIdle_.notify_all();
    hasTask_.wait(lock, [&] { return !tasks_.empty() && !isStopped_; });
    idle_ -= 1;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace gdpfs
