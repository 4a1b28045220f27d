// What `gdpfs login` left behind: docs/client-config.md.
#pragma once

#include <map>
#include <string>

namespace gdpfs {

/// A login: where the server is, how it is recognized, and who we are there.
struct Profile {
  std::string name;
  /// `https://host:port`
  std::string url;
  /// PEM. The only authority that is trusted for this server.
  std::string ca;
  /// PEM.
  std::string certificate;
  /// PEM.
  std::string key;
  /// Self-certifying names by the aliases under which the volumes were first seen.
  std::map<std::string, std::string> volumes;
  /// Changes when a file of the login does.
  std::string stamp;
};

/// The folder of the client's configuration.
class Home {
 public:
  /// `$GDPFS_HOME` and `$GDPFS_PROFILE`, or what stands for them.
  static Home fromEnvironment();
  /// `profile` empty: the current one.
  Home(std::string directory, std::string profile);

  const std::string& directory() const { return directory_; }

  /// Throws `certificate_required` if nobody has logged in, `not_found` for an unknown profile, `local_io`.
  Profile load() const;
  /// Cheap: is what `load` would give still what it gave?
  bool isCurrent(const Profile& profile) const;
  /// Pins a volume to its alias. Throws `untrusted` if another is pinned. Where the folder cannot be written (a mounted
  /// secret), nothing is kept.
  void rememberVolume(const Profile& profile, const std::string& alias, const std::string& name) const;

 private:
  std::string directory_;
  std::string profile_;
};

}  // namespace gdpfs
