{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
}:

rustPlatform.buildRustPackage {
  pname = "netroam";
  version = (builtins.fromTOML (builtins.readFile ../../Cargo.toml)).workspace.package.version;

  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;
  cargoBuildFlags = [ "--package" "netroam" ];

  # Most tests want namespaces of their own, which a build has not.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) (
    ''
      $out/bin/netroam man --dir man
      installManPage man/*.1
      installShellCompletion --cmd netroam \
        --bash <($out/bin/netroam completion bash) \
        --zsh <($out/bin/netroam completion zsh) \
        --fish <($out/bin/netroam completion fish)
    ''
    + lib.optionalString stdenv.hostPlatform.isLinux ''
      $out/bin/netroam service print --program $out/bin/netroam > netroam.service
      install -Dm644 netroam.service -t $out/lib/systemd/user
    ''
  );

  meta = {
    description = "Keeps ssh sessions alive on a laptop that moves";
    homepage = "https://github.com/netroam/netroam";
    license = with lib.licenses; [ mit asl20 ];
    mainProgram = "netroam";
    platforms = lib.platforms.linux ++ lib.platforms.darwin ++ lib.platforms.freebsd;
  };
}
