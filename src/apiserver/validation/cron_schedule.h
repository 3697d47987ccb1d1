// The five fields of cron ("*/5 0 1-7 JAN,MAR MON"), descriptors ("@daily", "@every 1h30m") and time zones, as Kubernetes' cron jobs read them.
#pragma once

#include <string>
#include <string_view>

namespace reigen::apiserver {

// What is wrong with the schedule, in the words of Kubernetes; empty where it is fine.
std::string check_schedule(std::string_view schedule);
// Is it a zone of the tz database, by the host's copy or, without one, by its form?
bool is_time_zone(std::string_view name);

}  // namespace reigen::apiserver
