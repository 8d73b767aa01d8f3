// The one place that includes Boost.Asio: with GCC 12 its coroutines need <utility> first.
#pragma once

#include <utility>

#include <boost/asio.hpp>

namespace clawbridge {
namespace asio = boost::asio;
}
