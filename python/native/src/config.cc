#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "error.h"
#include "file_lock.h"
#include "local_file.h"

namespace gdpfs {
namespace {

// Keeps the order of members that it does not know.
using Json = nlohmann::ordered_json;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string requireFile(const std::string& path) {
  std::string content;
  if (!readFile(path, content)) throw unreadable(path, "it does not exist");
  return content;
}

std::string stampOf(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return "none;";
  std::ostringstream stamp;
  stamp << status.st_ino << ' ' << status.st_size << ' ' << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ';';
  return stamp.str();
}

std::string member(const Json& entry, const char* name, const std::string& path) {
  const auto found = entry.find(name);
  if (found == entry.end() || !found->is_string()) {
    throw unreadable(path, std::string("\"") + name + "\" of a profile is not a string");
  }
  return found->get<std::string>();
}

Json parseConfig(const std::string& text, const std::string& path) {
  const Json config = Json::parse(text, nullptr, false);
  if (!config.is_object()) throw unreadable(path, "it is not a JSON object");
  const auto version = config.find("version");
  if (version == config.end() || *version != 1) throw unreadable(path, "its version is not 1");
  const auto profiles = config.find("profiles");
  if (profiles == config.end() || !profiles->is_object()) throw unreadable(path, "\"profiles\" is not an object");
  return config;
}

std::string choose(const Json& config, const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const auto current = config.find("current");
  return current != config.end() && current->is_string() ? current->get<std::string>() : "";
}

Error nobodyLoggedIn(const std::string& directory) {
  return Error("certificate_required", "cannot reach a server: nobody has logged in in \"" + directory + "\"",
               "run \"gdpfs login URL TOKEN\", or set GDPFS_HOME to the folder that has the login");
}

void replaceFile(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".tmp-" + std::to_string(::getpid());
  const int descriptor = ::open(temporary.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  const auto written = ::write(descriptor, content.data(), content.size());
  const bool isDurable = written == static_cast<ssize_t>(content.size()) && ::fsync(descriptor) == 0;
  ::close(descriptor);
  if (!isDurable || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

}  // namespace

Home Home::fromEnvironment() {
  std::string directory = environment("GDPFS_HOME");
  if (directory.empty()) {
    const std::string configuration = environment("XDG_CONFIG_HOME");
    directory = (configuration.empty() ? environment("HOME") + "/.config" : configuration) + "/gdpfs";
  }
  return Home(directory, environment("GDPFS_PROFILE"));
}

Home::Home(std::string directory, std::string profile)
    : directory_(std::move(directory)), profile_(std::move(profile)) {}

Profile Home::load() const {
  const std::string path = directory_ + "/config.json";
  std::string text;
  if (!readFile(path, text)) throw nobodyLoggedIn(directory_);
  const Json config = parseConfig(text, path);
  Profile profile;
  profile.name = choose(config, profile_);
  const Json& profiles = config["profiles"];
  if (profile.name.empty() || profiles.empty()) throw nobodyLoggedIn(directory_);
  const auto found = profiles.find(profile.name);
  if (found == profiles.end() || !found->is_object()) {
    throw Error("certificate_required", "cannot use profile \"" + profile.name + "\": there is none in \"" + path + "\"",
                "set GDPFS_PROFILE to the name of a login, or run \"gdpfs login\"");
  }
  // What somebody has asked for must not be left out silently.
  if (found->value("prove", Json(false)) != Json(false)) {
    throw Error("usage",
                "cannot use profile \"" + profile.name +
                    "\": it wants the server to prove what it says of paths, and this plugin cannot check that",
                "set GDPFS_PROFILE to a login without \"prove\": true");
  }
  profile.url = member(*found, "url", path);
  const std::string certificate = directory_ + '/' + member(*found, "certificate", path);
  // Before they are read: a change in between is noticed at the next look.
  profile.stamp = stampOf(path) + stampOf(certificate) + '\n' + certificate;
  profile.ca = requireFile(directory_ + '/' + member(*found, "ca", path));
  profile.certificate = requireFile(certificate);
  profile.key = requireFile(directory_ + '/' + member(*found, "key", path));
  const auto volumes = found->find("volumes");
  if (volumes != found->end() && volumes->is_object()) {
    for (const auto& [alias, name] : volumes->items()) {
      if (name.is_string()) profile.volumes[alias] = name.get<std::string>();
    }
  }
  return profile;
}

bool Home::isCurrent(const Profile& profile) const {
  const std::string certificate = profile.stamp.substr(profile.stamp.find('\n') + 1);
  return stampOf(directory_ + "/config.json") + stampOf(certificate) + '\n' + certificate == profile.stamp;
}

void Home::rememberVolume(const Profile& profile, const std::string& alias, const std::string& name) const {
  const std::string path = directory_ + "/config.json";
  const auto known = profile.volumes.find(alias);
  if (known != profile.volumes.end() && known->second == name) return;
  const FileLock lock(path + ".lock");
  Json config = parseConfig(requireFile(path), path);
  Json& volumes = config["profiles"][profile.name]["volumes"];
  if (!volumes.is_object()) volumes = Json::object();
  const auto found = volumes.find(alias);
  if (found != volumes.end() && *found != name) {
    throw Error("untrusted", "cannot use volume \"" + alias + "\": the server has another volume under that name now",
                "somebody may have put it there; if not, remove \"" + alias + "\" from \"volumes\" in \"" + path + "\"");
  }
  if (found != volumes.end() || !lock.isHeld()) return;
  volumes[alias] = name;
  replaceFile(path, config.dump(2) + '\n');
}

}  // namespace gdpfs
