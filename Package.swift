// swift-tools-version: 6.1
import PackageDescription

// Release executables are Embedded Swift, fully static: an idle keeper then has about 35 KiB of
// private memory instead of the 600 that the dynamic runtime costs. Debug builds and tests are
// regular Swift from the same sources. `.enableExperimentalFeature` would leak into debug links,
// hence the flags.
let release = BuildSettingCondition.when(platforms: [.linux], configuration: .release)
let swiftSettings: [SwiftSetting] = [
    .unsafeFlags(
        [
            "-enable-experimental-feature", "Embedded", "-wmo", "-Osize",
            // With gc-sections below: without it the linker drops nothing of a module.
            "-Xfrontend", "-function-sections",
            "-Xcc", "-Wno-nullability-completeness",
        ], release)
]
#if arch(x86_64)
    // In place of the system's C library, which is 650 KB of a static executable: CSystem/standalone.
    let cSettings: [CSetting] = [
        .define("KEEPER_STANDALONE", release),
        .unsafeFlags(["-ffunction-sections", "-fdata-sections"], release),
    ]
    let library =
        ["-static", "-nostdlib", "-Wno-unused-command-line-argument"].flatMap { ["-Xclang-linker", $0] }
        // For characters and the order of strings; found relative to a folder where the compiler looks for libraries.
        + ["-l:../embedded/x86_64-unknown-linux-gnu/libswiftUnicodeDataTables.a"]
#else
    let cSettings: [CSetting] = []
    let library = ["-static-executable"]
#endif
let linkerSettings: [LinkerSetting] = [
    .unsafeFlags(
        library + [
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
