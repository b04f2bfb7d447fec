// swift-tools-version: 6.1
import PackageDescription

// Release executables are Embedded Swift, fully static: an idle keeper then has about 50 KiB of
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
let linkerSettings: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-executable", "-enable-experimental-feature", "Embedded", "-use-ld=lld",
            // Debug information would double the size.
            "-Xlinker", "-s", "-Xlinker", "--gc-sections", "-Xlinker", "--icf=all",
            // The C library's variables that every process writes to lie scattered over eight pages; put side by
            // side they fill six. A name that this C library doesn't have is passed over.
            "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/Sources/keeper/keeper.order",
            "-Xlinker", "--no-warn-symbol-ordering",
        ], release)
]

let package = Package(
    name: "keeper",
    products: [
        .executable(name: "keeper", targets: ["keeper"]),
        .executable(name: "keeperctl", targets: ["keeperctl"]),
    ],
    targets: [
        .target(name: "CSystem", path: "Sources/KeeperShared/CSystem"),
        .target(
            name: "KeeperShared", dependencies: ["CSystem"], exclude: ["CSystem"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "keeper", dependencies: ["KeeperShared"], exclude: ["keeper.order"],
            swiftSettings: swiftSettings, linkerSettings: linkerSettings),
        // keeperctl starts keeper, so building the one builds the other.
        .executableTarget(
            name: "keeperctl", dependencies: ["KeeperShared", "keeper"],
            swiftSettings: swiftSettings, linkerSettings: linkerSettings),
        .testTarget(
            name: "KeeperTests", dependencies: ["KeeperShared", "keeper", "keeperctl"],
            exclude: ["Goldens", "StandIns"],
            swiftSettings: [
                // Glibc as CSystem sees it: the compiler takes two versions of one struct for an error.
                .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"])
            ]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
