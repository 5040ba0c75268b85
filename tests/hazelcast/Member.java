import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.NetworkConfig;
import com.hazelcast.config.TcpIpConfig;
import com.hazelcast.core.Hazelcast;

/**
 * One member as a WSO2 node has it inside: the group is the clustering domain, and well-known addresses are the way in. Arguments: its
 * address, its port, and the well-known members as HOST:PORT.
 */
public class Member {
    public static void main(String[] words) throws Exception {
        System.setProperty("hazelcast.local.localAddress", words[0]);
        System.setProperty("hazelcast.socket.bind.any", "false");
        System.setProperty("hazelcast.phone.home.enabled", "false");
        System.setProperty("hazelcast.version.check.enabled", "false");
        Config config = new Config();
        config.getGroupConfig().setName("wso2.esb.domain");
        config.setProperty("hazelcast.max.no.heartbeat.seconds", "600");
        config.setProperty("hazelcast.max.no.master.confirmation.seconds", "900");
        NetworkConfig network = config.getNetworkConfig();
        network.setPublicAddress(words[0] + ":" + words[1]);
        network.setPort(Integer.parseInt(words[1]));
        JoinConfig join = network.getJoin();
        join.getMulticastConfig().setEnabled(false);
        TcpIpConfig wellKnown = join.getTcpIpConfig().setEnabled(true);
        for (int word = 2; word < words.length; word++) {
            wellKnown.addMember(words[word]);
        }
        Hazelcast.newHazelcastInstance(config);
        Thread.sleep(Long.MAX_VALUE);
    }
}
