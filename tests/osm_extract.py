"""A crossing of two streets with a signal, as OpenStreetMap would describe it."""

EXTRACT = """<?xml version='1.0' encoding='UTF-8'?>
<osm version="0.6">
<bounds minlat="48.0" minlon="11.0" maxlat="48.01" maxlon="11.01"/>
<node id="1" lat="48.005" lon="11.000" version="1"/>
<node id="2" lat="48.005" lon="11.005" version="1"><tag k="highway" v="traffic_signals"/></node>
<node id="3" lat="48.005" lon="11.010" version="1"/>
<node id="4" lat="48.000" lon="11.005" version="1"/>
<node id="5" lat="48.010" lon="11.005" version="1"/>
<way id="10" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/>
<tag k="highway" v="primary"/><tag k="lanes" v="4"/><tag k="name" v="Main"/></way>
<way id="11" version="1"><nd ref="4"/><nd ref="2"/><nd ref="5"/>
<tag k="highway" v="secondary"/></way>
</osm>
"""
