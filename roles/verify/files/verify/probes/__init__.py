"""One module per service, named like the service; what it is made of has its name and a word more.

It has a function `probes(settings)`, which gets the service's part of the configuration and yields pairs of a name and
a callable without arguments. The callable makes one journey and returns what it saw in a few words; it raises
ProbeError when the service answered otherwise than it should. Names are unique within the service and the same in
every run.
"""
