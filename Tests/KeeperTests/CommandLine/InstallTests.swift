import Glibc
import KeeperShared
import Testing

/// `contrib/install` and `contrib/deb` with the executables under test.
@Suite struct InstallTests {
    private let install = "\(RenderedFiles.repository)/contrib/install"

    /// Paths of all files, links and directories below a directory, relative to it.
    private func tree(_ root: String, _ prefix: String = "") -> [String] {
        directoryEntries(root).flatMap { (name: String) -> [String] in
            let isFolder = fileStatus("\(root)/\(name)").map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
            let path = prefix + name
            return [path] + (isFolder ? tree("\(root)/\(name)", path + "/") : [])
        }
    }

    private func run(
        _ sandbox: Sandbox, _ arguments: String..., destination: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        // Whatever the umask, others can use what is installed.
        let script = #"umask 077; exec "$0" "$@""#
        return try sandbox.run(
            ["bash", "-c", script, install] + arguments, setting: ["DESTDIR": destination],
            sourceLocation: sourceLocation)
    }

    @Test(requires("bash")) func whatWasInstalledIsRemovedAndNothingElse() throws {
        let sandbox = try Sandbox()
        let root = "\(sandbox.root)/destination"
        for folder in ["", "/opt", "/opt/share", "/opt/share/man"] { mkdir(root + folder, 0o755) }
        try writeFile("\(root)/opt/share/man/mine", [1])
        let before = tree(root)
        let arguments = ["--prefix", "/opt", "--executables", Executables.directory]
        var trees: [[String]] = []
        for _ in 1...2 {
            let outcome = try run(
                sandbox, arguments[0], arguments[1], arguments[2], arguments[3], destination: root)
            #expect(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
            trees.append(tree(root))
        }
        #expect(trees[0] == trees[1])
        for name in ["keeper", "keeperctl"] {
            #expect(readFile("\(root)/opt/bin/\(name)") == readFile("\(Executables.directory)/\(name)"))
            #expect(fileStatus("\(root)/opt/bin/\(name)")?.st_mode == S_IFREG | 0o755)
        }
        for page in RenderedFiles.pages {
            let name = String(page.split(separator: "/").last!)
            let path = "\(root)/opt/share/man/man\(name.suffix(1))/\(name)"
            #expect(readFile(path) == readFile(page))
            #expect(fileStatus(path)?.st_mode == S_IFREG | 0o644)
        }
        #expect(fileStatus("\(root)/opt/share/fish")?.st_mode == S_IFDIR | 0o755)
        // Somebody else uses a directory that was not there before.
        try writeFile("\(root)/opt/share/zsh/site-functions/_other", [])
        let outcome = try run(sandbox, "--uninstall", "--prefix=/opt", destination: root)
        #expect(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
        let others = ["opt/share/zsh", "opt/share/zsh/site-functions", "opt/share/zsh/site-functions/_other"]
        #expect(tree(root) == (before + others).sorted())
        #expect(try run(sandbox, "--uninstall", "--prefix=/opt", destination: root).status == 0)
        #expect(tree(root) == (before + others).sorted())
    }

    @Test(requires("bash")) func unitsAreInstalledWithTheProgramsPathAndRemovedAgain() throws {
        let sandbox = try Sandbox()
        let root = "\(sandbox.root)/d"
        let common = ["--prefix", "/opt/a b", "--executables", Executables.directory]
        func installed(_ more: [String]) throws -> Outcome {
            try sandbox.run(["bash", install] + common + more, setting: ["DESTDIR": root])
        }
        #expect(try installed([]).status == 0)
        let before = tree(root)
        let outcome = try installed(["--systemd", "user", "--systemd=system"])
        #expect(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
        #expect(outcome.out.contains("next: systemctl --user daemon-reload"), outcome.why)
        let units = tree(root).filter { !before.contains($0) }
        for manager in ["user", "system"] {
            let folder = "\(RenderedFiles.repository)/contrib/systemd/\(manager)"
            let names = directoryEntries(folder).filter { !$0.hasSuffix(".sysusers") }
            #expect(names.count == 9)
            for name in names {
                let path = "opt/a b/\(manager == "user" ? "share" : "lib")/systemd/\(manager)/\(name)"
                #expect(units.contains(path))
                let text = String(decoding: readFile("\(root)/\(path)") ?? [], as: UTF8.self)
                let source = String(decoding: readFile("\(folder)/\(name)") ?? [], as: UTF8.self)
                #expect(text == source.replacing("@bindir@", with: "/opt/a b/bin"))
            }
        }
        #expect(units.contains("opt/a b/lib/sysusers.d/keeper.conf"))
        // Installed again they stay, without being asked for again.
        #expect(try installed([]).status == 0)
        #expect(tree(root) == (before + units).sorted())
        let removed = try sandbox.run(
            ["bash", install, "--prefix", "/opt/a b", "--uninstall"], setting: ["DESTDIR": root])
        #expect(removed.status == 0, removed.why)
        #expect(tree(root).isEmpty)
        let wrong = try installed(["--systemd", "both"])
        #expect(wrong.status == 2 && wrong.err.contains("--systemd is for 'user' or 'system'"), wrong.why)
    }

    @Test(requires("bash")) func theInstalledProgramRuns() throws {
        let sandbox = try Sandbox()
        let prefix = "\(sandbox.root)/a b"
        let outcome = try run(sandbox, "--prefix", prefix, "--executables", Executables.directory)
        #expect(outcome.status == 0, outcome.why)
        let version = try sandbox.run(["\(prefix)/bin/keeperctl", "version"])
        #expect(version.line == "keeperctl \(keeperVersion)")
        #expect(try run(sandbox, "--prefix", prefix, "--uninstall").status == 0)
        #expect(fileStatus(prefix) == nil)
    }

    @Test(requires("bash")) func whatIsSomebodyElsesStays() throws {
        let sandbox = try Sandbox()
        let prefix = "\(sandbox.root)/p"
        mkdir(prefix, 0o755)
        mkdir("\(prefix)/bin", 0o755)
        try writeFile("\(prefix)/bin/keeper", [7])
        let outcome = try run(sandbox, "--prefix", prefix, "--executables", Executables.directory)
        #expect(outcome.status == 1)
        #expect(outcome.err.contains("\(prefix)/bin/keeper is there and was not installed by this script"))
        #expect(tree(prefix) == ["bin", "bin/keeper"])
        #expect(readFile("\(prefix)/bin/keeper") == [7])
    }

    @Test(requires("bash")) func filesOfAnEarlierVersionGo() throws {
        let sandbox = try Sandbox()
        let prefix = "\(sandbox.root)/p"
        #expect(try run(sandbox, "--prefix", prefix, "--executables", Executables.directory).status == 0)
        let record = "\(prefix)/share/keeper/installed"
        let old = "share/man/man1/keeperctl-gone.1"
        try writeFile("\(prefix)/\(old)", [])
        try writeFile(record, (readFile(record) ?? []) + Array("file \(old)\n".utf8))
        #expect(try run(sandbox, "--prefix", prefix, "--executables", Executables.directory).status == 0)
        #expect(fileStatus("\(prefix)/\(old)") == nil)
        #expect(try run(sandbox, "--prefix", prefix, "--uninstall").status == 0)
        #expect(fileStatus(prefix) == nil)
    }

    @Test(requires("bash"), arguments: [["--prefix"], ["--frobnicate"], ["--executables", ""]])
    func badUsageIsRefused(_ arguments: [String]) throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.run([install] + arguments)
        #expect(outcome.status == 2, outcome.why)
        #expect(outcome.err.contains("contrib/install --help"))
    }

    @Test(requires("shellcheck")) func scriptsAreClean() throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.run(
            ["shellcheck", install, "\(RenderedFiles.repository)/contrib/deb"])
        #expect(outcome.status == 0, outcome.why)
    }
}

@Suite struct PackageTests {
    @Test(requires("bash", "dpkg", "dpkg-deb"), requiresRoot()) func thePackageInstallsAndRemovesCleanly()
        throws
    {
        let sandbox = try Sandbox()
        let deb = "\(RenderedFiles.repository)/contrib/deb"
        func build(_ name: String) throws -> String {
            let outcome = try sandbox.run(
                [deb, "--executables", Executables.directory, "--output", "\(sandbox.root)/\(name)"],
                // Debug executables are large: quickly compressed is well enough here.
                setting: [
                    "SOURCE_DATE_EPOCH": "1700000000", "DPKG_DEB_COMPRESSOR_TYPE": "gzip",
                    "DPKG_DEB_COMPRESSOR_LEVEL": "1",
                ])
            try #require(outcome.status == 0, outcome.why)
            return outcome.line
        }
        let package = try build("one")
        #expect(package.hasPrefix("\(sandbox.root)/one/keeper_\(keeperVersion)_"))
        let again = try build("two")
        #expect(readFile(package) == readFile(again), "the same source makes the same package")

        let root = "\(sandbox.root)/root"
        for folder in [
            "", "/var", "/var/lib", "/var/lib/dpkg", "/var/lib/dpkg/info", "/var/lib/dpkg/updates",
        ] {
            mkdir(root + folder, 0o755)
        }
        try writeFile("\(root)/var/lib/dpkg/status", [])
        func dpkg(_ arguments: String...) throws -> Outcome {
            let path = "\(environmentValue("PATH") ?? ""):/usr/sbin:/sbin"
            let options = ["--root=\(root)", "--force-not-root", "--force-script-chrootless"]
            let outcome = try sandbox.run(["dpkg"] + options + arguments, setting: ["PATH": path])
            #expect(outcome.status == 0, outcome.why)
            return outcome
        }
        _ = try dpkg("--install", package)
        #expect(try dpkg("--verify", "keeper").out.isEmpty)
        let version = try sandbox.run(["\(root)/usr/bin/keeperctl", "version"])
        #expect(version.line == "keeperctl \(keeperVersion)")
        let expected = [
            "usr/share/man/man1/keeperctl.1.gz", "usr/share/man/man5/keeper-sessions.5.gz",
            "usr/share/bash-completion/completions/keeperctl", "usr/share/zsh/vendor-completions/_keeperctl",
            "usr/share/fish/vendor_completions.d/keeperctl.fish", "usr/share/doc/keeper/copyright",
        ]
        for path in expected { #expect(fileStatus("\(root)/\(path)") != nil, "\(path)") }
        _ = try dpkg("--purge", "keeper")
        #expect(fileStatus("\(root)/usr") == nil)
    }
}
