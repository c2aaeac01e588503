internal import Glibc

/// What a test asks that measures time or memory: under a sanitizer both are many times what they are without.
public enum Sanitizer {
    /// Whether this process is built with ThreadSanitizer or AddressSanitizer; so are then the tools that it starts.
    public static let isOn = dlsym(nil, "__tsan_init") != nil || dlsym(nil, "__asan_init") != nil
}
