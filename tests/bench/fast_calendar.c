/* Preloaded into a bridge by soak.py: its calendar, std::chrono::system_clock, runs CALENDAR_FACTOR times as fast from CALENDAR_BEGIN
 * (seconds since 1970) on. Every process that is told the same has the same calendar. Timers, and libraries that ask the system itself,
 * run as always; libfaketime slows timers down along with the calendar, and with that Asio's. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* std::chrono::_V2::system_clock::now(), whose result is nanoseconds since 1970. */
int64_t _ZNSt6chrono3_V212system_clock3nowEv(void) {
  static int64_t begin, factor;
  if (factor == 0) {
    begin = atoll(getenv("CALENDAR_BEGIN")) * 1000000000;
    factor = atoll(getenv("CALENDAR_FACTOR"));
  }
  struct timespec real;
  clock_gettime(CLOCK_REALTIME, &real);
  const int64_t now = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec;
  return begin + (now - begin) * factor;
}
