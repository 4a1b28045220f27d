// What the functions that TensorFlow calls have in common. No exception leaves them, and whatever is handed over comes
// from the allocator that TensorFlow frees with.
#pragma once

#include <cstddef>
#include <new>
#include <string>

#include "error.h"
#include "tensorflow_abi.h"

namespace gdpfs {

/// Zeroed.
void* allocate(std::size_t size);
void release(void* memory);
char* copyText(const std::string& text);

template <typename Table>
Table* newTable() {
  return static_cast<Table*>(allocate(sizeof(Table)));
}

void setError(TF_Status* status, TF_Code code, const std::string& subject, const std::string& text);

/// Runs `action` and tells TensorFlow what became of it. `subject` is the path that it is about.
template <typename Action>
bool attempt(TF_Status* status, const std::string& subject, const Action& action) noexcept {
  try {
    TF_SetStatus(status, TF_OK, "");
    action();
    return true;
  } catch (const Error& error) {
    setError(status, error.tensorflowCode(), subject, error.text());
  } catch (const std::bad_alloc&) {
    setError(status, TF_RESOURCE_EXHAUSTED, subject, "there is not enough memory");
  } catch (const std::exception& error) {
    setError(status, TF_INTERNAL, subject, error.what());
  }
  return false;
}

}  // namespace gdpfs
