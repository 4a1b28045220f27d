// Threads that fetch and send beside those of TensorFlow.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace gdpfs {

/// Runs tasks in order, each in a thread. Threads are started when they are needed, while there are fewer than
/// `threadsMax` says then, and live as long as the process. Where there can be none, as in a container that has used up its
/// processes, whoever has a task works himself.
class Workers {
 public:
  explicit Workers(std::function<std::size_t()> threadsMax) : threadsMax_(std::move(threadsMax)) {}
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// `task` must not throw.
  void run(std::function<void()> task);
  /// Nothing that waits is begun any more; waits a little for what runs.
  void stop();

 private:
  void startThread();
  void work();

  const std::function<std::size_t()> threadsMax_;
  std::mutex mutex_;
  std::condition_variable hasTask_;
  std::condition_variable isIdle_;
  std::deque<std::function<void()>> tasks_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  bool isStopped_ = false;
};

}  // namespace gdpfs
