"""Turn weekly hours, their changes and time zones into sessions in UTC (SEMANTICS 2-7, 17-19).

Only this package computes local time and daylight saving time. `zones` turns local time into instants and back,
`weekly` normalises weekly hours, `changes` and `calendars` find the distinct calendars of stores, `sessions` turns them
into open time in UTC. The kernels only ever see the sessions and the planned time between them.
"""
