"""Local time: weekly hours, what changes them, and time zones become sessions in UTC (SEMANTICS 2-7, 17-19).

The only place where local time and daylight saving time are computed. `zones` turns local time into instants and back,
`weekly` normalises weekly hours, `changes` and `calendars` find the distinct calendars of stores, `sessions` turns them
into open time in UTC. The kernels only ever see the sessions and the planned time between them.
"""
