// swift-tools-version: 6.1
import Glibc
import PackageDescription

// Release executables are Embedded Swift, fully static: an idle keeper then has about 32 KiB of
// private memory instead of the 600 that the dynamic runtime costs. Debug builds and tests are
// regular Swift from the same sources. `.enableExperimentalFeature` would leak into debug links,
// hence the flags.
let release = BuildSettingCondition.when(platforms: [.linux], configuration: .release)

// Release builds link musl where it is installed (Debian: apt-get install musl-dev), else static glibc, which makes
// executables twice as large and starts twice as slow (README). KEEPER_LIBC=musl or glibc decides by name.
#if arch(x86_64)
    let machine = "x86_64"
#else
    let machine = "aarch64"
#endif
let headers = "/usr/include/\(machine)-linux-musl"
let library = "/usr/lib/\(machine)-linux-musl"
let hasMusl =
    switch Context.environment["KEEPER_LIBC"] {
    case "musl": true
    case "glibc": false
    default: access("\(headers)/stdio.h", R_OK) == 0 && access("\(library)/libc.a", R_OK) == 0
    }
let muslHeaders = hasMusl ? ["-isystem", headers, "-DKEEPER_MUSL"] : []

let cSettings: [CSetting] = [.unsafeFlags(["-ffunction-sections", "-fdata-sections"] + muslHeaders, release)]
let swiftSettings: [SwiftSetting] = [
    .unsafeFlags(
        [
            "-enable-experimental-feature", "Embedded", "-wmo", "-Osize",
            // With gc-sections below: without it the linker drops nothing of a module.
            "-Xfrontend", "-function-sections",
        ] + (["-Wno-nullability-completeness"] + muslHeaders).flatMap { ["-Xcc", $0] }, release)
]
let linkerSettings: [LinkerSetting] = [
    .unsafeFlags(
        (hasMusl
            ? ["-static", "-nostdlib", "-Wno-unused-command-line-argument"].flatMap {
                ["-Xclang-linker", $0]
            }
                + [
                    "\(library)/crt1.o", "\(library)/crti.o", "\(library)/libc.a", "\(library)/crtn.o",
                    // For characters and the order of strings; found relative to a folder where the compiler looks
                    // for libraries.
                    "-l:../embedded/\(machine)-unknown-linux-gnu/libswiftUnicodeDataTables.a",
                    // musl's start-up of a static executable protects nothing after relocation, so the segment for
                    // that would only cost pages: an idle keeper has 31 KiB of private memory instead of 39. glibc's
                    // start-up does protect it, and keeps it. Neither is position independent: that would need
                    // relocations at each start, which copy pages.
                    "-Xlinker", "-z", "-Xlinker", "norelro",
                ]
            : ["-static-executable"])
            + [
                "-enable-experimental-feature", "Embedded", "-use-ld=lld",
                // Debug information would double the size.
                "-Xlinker", "-s", "-Xlinker", "--gc-sections", "-Xlinker", "--icf=all",
            ], release)
]

let package = Package(
    name: "keeper",
    products: [
        .executable(name: "keeper", targets: ["keeper"]),
        .executable(name: "keeperctl", targets: ["keeperctl"]),
    ],
    targets: [
        .target(name: "CSystem", path: "Sources/KeeperShared/CSystem", cSettings: cSettings),
        .target(
            name: "KeeperShared", dependencies: ["CSystem"], exclude: ["CSystem"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "keeper", dependencies: ["KeeperShared"],
            swiftSettings: swiftSettings, linkerSettings: linkerSettings),
        // keeperctl starts keeper, so building the one builds the other.
        .executableTarget(
            name: "keeperctl", dependencies: ["KeeperShared", "keeper"],
            swiftSettings: swiftSettings, linkerSettings: linkerSettings),
        .testTarget(
            name: "KeeperTests", dependencies: ["KeeperShared", "keeper", "keeperctl"],
            exclude: ["Goldens", "StandIns", "ServiceManager/with-systemd"],
            swiftSettings: [
                // Glibc as CSystem sees it: the compiler takes two versions of one struct for an error.
                .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"])
            ]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
