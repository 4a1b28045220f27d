// Runs what the plugin consists of under a sanitizer, without TensorFlow: `stress gdp://VOLUME`, with a login in
// GDPFS_HOME. Ends with 0 if all is as it should be. `stress gdp://VOLUME/FILE` reads a file, waits for a line of input while
// the server is set back, and ends with 0 if that is noticed. `stress gdp://VOLUME near` and `far` look at the volume until it is
// known whether the server is that.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../src/chunking.h"
#include "../src/client.h"
#include "../src/crc32.h"
#include "../src/digest.h"
#include "../src/error.h"
#include "../src/file_lock.h"
#include "../src/glob.h"
#include "../src/limits.h"
#include "../src/merkle.h"
#include "../src/numbered_names.h"
#include "../src/operations.h"
#include "../src/polynomial_hash.h"
#include "../src/seals.h"
#include "../src/workers.h"
#include "check.h"
#include "distance_check.h"

// TensorFlow's, which nothing here calls.
extern "C" void TF_SetStatus(TF_Status*, TF_Code, const char*) {}

namespace {

using namespace gdpfs;
using namespace gdpfs::tests;

constexpr int kThreads = 32;
constexpr std::size_t kFileBytes = 6'000'001;

std::string randomContent(std::uint32_t seed, std::size_t length) {
  std::minstd_rand random(seed);
  std::string content(length, '\0');
  for (char& byte : content) byte = static_cast<char>(random());
  return content;
}

void checkPieces() {
  check(matches("a*c?[x-z]", "abbcdy") && !matches("a*", "b") && matches("[^a]*", "b"), "patterns match");
  check(matches("\\*", "*") && !matches("\\*", "x") && matches("?", "ü") && matches("*", ""), "quotes and letters");
  check(cleanUri("gdp://v//a/./b/../c/") == "gdp://v/a/c", "a path has one form");
  check(parseSize("X", "2K") == 2048, "sizes have units");
  const auto follows = [](const char* before, const char* last, const std::string& name, std::uint64_t step) {
    const NextName next = nextName(before, last);
    return next.name == name && next.step == step;
  };
  check(follows("p-007", "p-009", "p-011", 2) && follows("a-09-of-11", "a-10-of-11", "a-11-of-11", 1), "names count");
  check(follows("9.x", "10.x", "11.x", 1) && follows("a/1/x", "a/2/x", "a/3/x", 1), "numbers may grow longer");
  check(follows("098", "099", "100", 1) && follows("99", "100", "101", 1), "numbers may have a width");
  check(follows("2", "1", "", 0) && follows("1", "1", "", 0) && follows("a", "b", "", 0), "names may not count");
  check(follows("1a1", "2a2", "", 0) && follows("", "1", "", 0) && follows("1", "1x", "", 0), "one number counts");
  check(follows("1", std::string(40, '9').c_str(), "", 0), "numbers end somewhere");
  const auto begins = [](const char* first, const char* name) { return secondName(first).name == name; };
  check(begins("a/p-000", "a/p-001") && begins("0.x", "1.x") && begins("p1-0", "p1-1"), "rows begin with 0");
  check(begins("a-00-of-02.x1", "a-01-of-02.x1") && begins("d-00-of-01", ""), "rows may say how long they are");
  check(begins("1.x", "") && begins("0/x", "") && begins("x10", "") && begins("", ""), "others are no first ones");
  check(crc32("123456789") == 0xcbf43926, "the checksum has its check value");
  const std::string bytes = randomContent(1, 700);
  for (std::size_t length = 0; length <= bytes.size(); length += 1) {
    std::uint32_t reference = 0xffffffff;
    for (std::size_t index = 0; index < 8 * length; index += 1) {
      const std::uint32_t bit = static_cast<unsigned char>(bytes[index / 8]) >> index % 8 & 1;
      reference = reference >> 1 ^ ((reference & 1) != bit ? 0xedb88320 : 0);
    }
    check(crc32(std::string_view(bytes).substr(0, length)) == ~reference, "checksums of all lengths");
  }
  // RFC 6962: the tree of one empty leaf, and of none.
  MerkleTree tree;
  check(toHex(tree.root()).substr(0, 8) == "e3b0c442", "the root of nothing");
  tree.append("");
  check(toHex(tree.root()).substr(0, 8) == "6e340b9c", "the root of an empty leaf");
  // However the bytes come, the boundaries are the same.
  const std::string content = randomContent(3, 3'000'000);
  Chunking chunking;
  chunking.key = std::string(32, 'k');
  std::vector<std::size_t> atOnce;
  for (std::string_view rest = content;;) {
    const std::size_t length = makeCutter(chunking)->cut(rest, 0);
    if (length == 0) break;
    atOnce.push_back(length);
    rest.remove_prefix(length);
  }
  std::vector<std::size_t> inPieces;
  const auto cutter = makeCutter(chunking);
  for (std::size_t start = 0, seen = 0, end = 0; start < content.size() && end <= content.size(); end += 1000) {
    const std::string_view rest = std::string_view(content).substr(start, end - start);
    const std::size_t length = cutter->cut(rest, seen);
    seen = length == 0 ? rest.size() : 0;
    start += length;
    if (length > 0) inPieces.push_back(length);
    if (length > 0) end = start;
  }
  check(atOnce.size() > 5, "random bytes are cut");
  inPieces.resize(std::min(inPieces.size(), atOnce.size()));
  atOnce.resize(inPieces.size());
  check(atOnce == inPieces, "boundaries do not depend on how bytes come");
}

using HashBlock = PolynomialHash::Block;

HashBlock blockOf(std::string_view bytes) {
  HashBlock block{};
  std::memcpy(block.data(), bytes.data(), bytes.size());
  return block;
}

/// `(sum + block) place` of POLYVAL (RFC 8452, section 3), bit by bit.
HashBlock addBlock(const HashBlock& sum, const HashBlock& block, const HashBlock& place) {
  HashBlock product{};
  for (std::size_t bit = 0; bit < 128; bit += 1) {
    const int factor = (sum[bit / 8] ^ block[bit / 8]) >> bit % 8 & 1;
    for (std::size_t index = 0; factor != 0 && index < product.size(); index += 1) product[index] ^= place[index];
    const bool isOut = (product[0] & 1) != 0;
    for (std::size_t index = 0; index < product.size(); index += 1) {
      const int above = index + 1 < product.size() ? product[index + 1] & 1 : 0;
      product[index] = static_cast<unsigned char>(product[index] >> 1 | above << 7);
    }
    if (isOut) product.back() ^= 0xe1;
  }
  return product;
}

HashBlock polynomialOf(std::string_view bytes, const HashBlock& place) {
  HashBlock sum{};
  const std::uint64_t size = bytes.size();
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 16))) {
    sum = addBlock(sum, blockOf(bytes.substr(0, 16)), place);
  }
  HashBlock length{};
  for (std::size_t index = 0; index < 8; index += 1) length[index] = static_cast<unsigned char>(size >> 8 * index);
  return addBlock(sum, length, place);
}

void checkSeals() {
  // RFC 8452, appendix A.
  const HashBlock place = {0x25, 0x62, 0x93, 0x47, 0x58, 0x92, 0x42, 0x76, 0x1d, 0x31, 0xf8, 0x26, 0xba, 0x4b, 0x75, 0x7b};
  const HashBlock first = {0x4f, 0x4f, 0x95, 0x66, 0x8c, 0x83, 0xdf, 0xb6, 0x40, 0x17, 0x62, 0xbb, 0x2d, 0x01, 0xa2, 0x62};
  const HashBlock second = {0xd1, 0xa2, 0x4d, 0xdd, 0x27, 0x21, 0xd0, 0x06, 0xbb, 0xe4, 0x5f, 0x20, 0xd3, 0xc9, 0xf3, 0x62};
  const HashBlock value = {0xf7, 0xa3, 0xb4, 0x7b, 0x84, 0x61, 0x19, 0xfa, 0xe5, 0xb7, 0x86, 0x6c, 0xf5, 0xe5, 0xb7, 0x7e};
  check(addBlock(addBlock({}, first, place), second, place) == value, "the reference has its check value");
  const std::string bytes = randomContent(4, 5'000);
  const PolynomialHash hash(place);
  if (!PolynomialHash::isFast()) std::puts("the fast seal was not tested: this processor has no instructions for it");
  // Group, block and what is left of one, wherever they begin.
  for (std::size_t length = 0; PolynomialHash::isFast() && length < bytes.size() - 15; length += 1 + length / 64) {
    const std::string_view text = std::string_view(bytes).substr(length % 16, length);
    check(hash.of(text) == polynomialOf(text, place), "seals of all lengths");
  }
  Seals seals;
  std::string content = randomContent(5, 300'000);
  const Digest digest = sha256(content);
  check(!seals.has(digest) && seals.check(digest, content) && seals.has(digest), "what has the digest is sealed");
  check(seals.check(digest, content), "the seal fits");
  for (const std::size_t position : {std::size_t{0}, std::size_t{131'072}, content.size() - 1}) {
    content[position] ^= 1;
    check(!seals.check(digest, content), "one bit is enough");
    content[position] ^= 1;
  }
  check(!seals.check(digest, std::string_view(content).substr(1)), "nothing may be missing");
  check(!seals.check(digest, content + '\0'), "nothing may be added");
}

// Time passes in pauses, half of what one holder may take in each; then something happens.
void checkFileLock() {
  namespace files = std::filesystem;
  std::string pattern = files::temp_directory_path() / "gdpfs-lock-XXXXXX";
  const files::path folder = ::mkdtemp(pattern.data());
  const files::path lock = folder / "lock";
  const auto touch = [](const files::path& path) { std::ofstream stream(path); };
  std::int64_t pauses = 0;
  const auto now = [&pauses] { return pauses * limits::kConfigLockMs / 2; };
  const auto changesHands = [&](std::int64_t) {
    pauses += 1;
    if (pauses == 10) {
      files::remove(lock);
    } else {
      // Both are there at once, so that they are not one.
      touch(folder / "next");
      files::rename(folder / "next", lock);
    }
  };
  touch(lock);
  {
    const FileLock held(lock, {now, changesHands});
    check(held.isHeld() && files::exists(lock), "a lock is waited for as long as it changes hands");
  }
  check(!files::exists(lock), "a lock is given back");
  pauses = 0;
  touch(lock);
  {
    const FileLock refused(lock, {now, [&pauses](std::int64_t) { pauses += 1; }});
    check(!refused.isHeld() && pauses == 3, "a lock that nobody gives back is not waited for");
  }
  check(files::exists(lock), "a lock that nobody gives back stays");
  files::remove_all(folder);
}

void checkWorkers() {
  // For the threads, which live as long as the process.
  static std::atomic<std::size_t> allowed{1};
  static Workers& workers = *new Workers([] { return allowed.load(); });
  static std::mutex mutex;
  static std::condition_variable changed;
  static int active = 0;
  static int most = 0;
  static int done = 0;
  const auto work = [](int together) {
    std::unique_lock lock(mutex);
    active += 1;
    most = std::max(most, active);
    changed.notify_all();
    changed.wait(lock, [&] { return most >= together; });
    active -= 1;
    done += 1;
    changed.notify_all();
  };
  const auto untilDone = [](int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return done == count; });
  };
  for (int count = 0; count < 50; count += 1) workers.run([work] { work(1); });
  untilDone(50);
  check(most == 1, "one thread works where one may");
  allowed = 3;
  // Each waits for two others.
  for (int count = 0; count < 3; count += 1) workers.run([work] { work(3); });
  untilDone(53);
  check(most == 3, "threads are added when more may work");
  static Workers& none = *new Workers([] { return std::size_t{0}; });
  std::thread::id worked;
  none.run([&] { worked = std::this_thread::get_id(); });
  check(worked == std::this_thread::get_id(), "where there can be no thread, the caller works");
}

/// Four files are there. Nobody reads yet, so that all that count as readers are those of this.
void checkFilesAhead(Client& client, const Path& root) {
  ChunkStore& store = client.chunks();
  const auto file = [&](int number) { return root.child("file-" + std::to_string(number)); };
  // With one reader more than there are; as many bytes as that is.
  const auto readersAndOne = [&] {
    store.countReaders(1);
    const std::size_t bytes = store.readAheadBytes();
    store.countReaders(-1);
    return bytes;
  };
  const std::size_t alone = readersAndOne();
  // Threads may come back to it.
  FilesAhead& ahead = *new FilesAhead(client.api(), store);
  check(!ahead.noteOpened(file(0)), "nothing is foreseen at first");
  ahead.noteEnd(file(0));
  check(readersAndOne() < alone, "a file that was fetched ahead counts as a reader");
  check(ahead.noteOpened(file(1)), "the next file was foreseen");
  check(readersAndOne() == alone, "whoever opens it counts for himself");
  check(!ahead.noteOpened(file(2)) && !ahead.noteOpened(file(3)), "only what was fetched was foreseen");
  ahead.noteEnd(file(3));
  // Whether it is there a thread finds out.
  for (int round = 0; readersAndOne() < alone; round += 1) {
    check(round < 60'000, "a next file that is not there counts no longer");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ahead.noteEnd(file(3));
  check(readersAndOne() == alone, "what was not there is not asked for again");
  check(!ahead.noteOpened(file(4)), "it was not fetched");
  store.clear();
}

void readAll(Reader& reader, const std::string& content, std::uint32_t seed) {
  std::minstd_rand random(seed);
  std::string buffer(300'000, '\0');
  for (int round = 0; round < 30; round += 1) {
    const std::size_t offset = random() % content.size();
    const std::size_t count = reader.read(offset, 1 + random() % buffer.size(), buffer.data());
    check(content.compare(offset, count, buffer, 0, count) == 0, "random reads");
  }
  for (std::uint64_t offset = 0; offset < content.size();) {
    const std::size_t count = reader.read(offset, buffer.size(), buffer.data());
    check(content.compare(offset, count, buffer, 0, count) == 0, "reads forward");
    offset += count;
  }
}

void stress(const Path& root) {
  Client& client = Client::current();
  std::vector<std::string> contents;
  for (std::uint32_t file = 0; file < 4; file += 1) contents.push_back(randomContent(file, kFileBytes));
  const auto inThreads = [](int count, auto action) {
    std::vector<std::thread> threads;
    for (int index = 0; index < count; index += 1) threads.emplace_back(action, index);
    for (std::thread& thread : threads) thread.join();
  };
  inThreads(4, [&](int file) {
    Operations operations(client);
    const Path path = root.child("file-" + std::to_string(file));
    const auto writer = operations.openWriter(path);
    const std::string& content = contents[static_cast<std::size_t>(file)];
    for (std::size_t start = 0; start < content.size(); start += 100'000) {
      writer->append(std::string_view(content).substr(start, 100'000));
      operations.stat(path);
      if (start == 3'000'000) writer->flush();
    }
    writer->close();
    client.writers().remove(writer.get());
  });
  client.chunks().clear();
  checkFilesAhead(client, root);
  std::vector<std::unique_ptr<Reader>> shared;
  for (int file = 0; file < 4; file += 1) {
    shared.push_back(Operations(client).openReader(root.child("file-" + std::to_string(file))));
  }
  inThreads(kThreads, [&](int index) {
    const auto file = static_cast<std::size_t>(index % 4);
    readAll(*shared[file], contents[file], static_cast<std::uint32_t>(index));
    const auto own = Operations(client).openReader(root.child("file-" + std::to_string(file)));
    readAll(*own, contents[file], static_cast<std::uint32_t>(index));
    if (index % 8 == 0) client.chunks().clear();
  });
  check(Operations(client).matching(root.uri() + "/file-*").size() == 4, "all files are there");
}

void watchSetBack(const Path& path) {
  Client& client = Client::current();
  const auto reader = Operations(client).openReader(path);
  std::string content(reader->size(), '\0');
  reader->read(0, content.size(), content.data());
  std::puts("ready");
  std::fflush(stdout);
  std::getchar();
  client.chunks().clear();
  std::string again(content.size(), '\0');
  reader->read(0, again.size(), again.data());
  check(again == content, "a file that is open can be read on");
  try {
    Operations(client).openReader(path);
    check(false, "a server that was set back is refused");
  } catch (const Error& error) {
    check(error.is("untrusted"), error.text().c_str());
  }
}

}  // namespace

int main(int count, char** arguments) {
  check(count == 2 || count == 3, "one argument or two");
  try {
    const Path path = parsePath(arguments[1]);
    if (count == 3) {
      watchDistance(path, std::string_view(arguments[2]) == "near");
      std::_Exit(0);
    }
    checkPieces();
    checkSeals();
    checkFileLock();
    checkWorkers();
    checkDistance();
    path.isRoot() ? stress(path) : watchSetBack(path);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    return 1;
  }
  // Workers live as long as the process.
  std::_Exit(0);
}
