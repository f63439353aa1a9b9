// Signals that end a process in good order: they are blocked everywhere and taken by one waiter.
#pragma once

namespace holdfast {

// Before any thread is started: SIGTERM and SIGINT go to wait_for_stop_signal() alone; SIGPIPE is ignored.
void block_stop_signals();
// Blocks until one of them comes, and returns it.
int wait_for_stop_signal();
// As if SIGTERM had come. Any thread.
void request_stop();

}  // namespace holdfast
