// Leaks of the client libraries that these tests drive, and that are not ours to mend.

// A multi that is under way when its connection ends is never freed by ZooKeeper's C client:
// free_completions() answers it and drops its list of sub-requests.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:zoo_amulti\n"; }
