#include "plugin_support.h"

#include <cstdlib>
#include <cstring>

namespace gdpfs {

void* allocate(std::size_t size) { return std::calloc(1, size); }
void release(void* memory) { std::free(memory); }

char* copyText(const std::string& text) {
  auto* copy = static_cast<char*>(allocate(text.size() + 1));
  if (copy != nullptr) std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

void setError(TF_Status* status, TF_Code code, const std::string& subject, const std::string& text) {
  TF_SetStatus(status, code, (subject + ": " + text).c_str());
}

}  // namespace gdpfs
