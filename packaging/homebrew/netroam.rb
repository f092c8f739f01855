# For a tap: `brew install netroam` there, or `brew install --HEAD netroam` for what is not released yet.
class Netroam < Formula
  desc "Keeps ssh sessions alive on a laptop that moves"
  homepage "https://github.com/netroam/netroam"
  url "https://github.com/netroam/netroam.git", tag: "v0.1.0"
  license any_of: ["MIT", "Apache-2.0"]
  head "https://github.com/netroam/netroam.git", branch: "main"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    generate_completions_from_executable(bin/"netroam", "completion", shells: [:bash, :zsh, :fish])
    system bin/"netroam", "man", "--dir", man1
  end

  # As `netroam service` has it: ended well, it stays ended.
  service do
    run [opt_bin/"netroam", "up"]
    keep_alive successful_exit: false
    error_log_path var/"log/netroam.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/netroam --version") unless build.head?
    (testpath/"config.toml").write("[defaults]\ncontext = \"tmux\"\n")
    system bin/"netroam", "config", "check", testpath/"config.toml"
    (testpath/"wrong.toml").write("[defaults]\ncontext = \"nothing\"\n")
    shell_output("#{bin}/netroam config check #{testpath}/wrong.toml 2>&1", 2)
  end
end
