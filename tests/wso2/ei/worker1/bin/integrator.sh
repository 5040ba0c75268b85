#!/bin/sh
# started with -DworkerNode=true by nobody
$JAVACMD \
    -Dcarbon.home="$CARBON_HOME" \
    -DworkerNode=false \
    org.wso2.carbon.bootstrap.Bootstrap $*
