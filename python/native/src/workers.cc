#include "workers.h"

#include <chrono>
#include <thread>

#include "limits.h"

namespace gdpfs {

void Workers::run(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_ < threadsMax_()) {
    threads_ += 1;
    std::thread([this] { work(); }).detach();
  }
  hasTask_.notify_one();
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
