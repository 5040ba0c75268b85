import java.io.File;

/**
 * A worker as EI 6 is one: the console's Tomcat and the engine in one process. Arguments: directory, address, keystore. The directory has
 * axis2.xml and synapse.xml.
 */
public class Worker {
    public static void main(String[] words) throws Exception {
        String directory = words[0];
        Console.start(new File(directory), words[1], words[2], 443);
        String axis2 = directory + "/axis2.xml";
        org.apache.synapse.SynapseServer.main(new String[] {directory, axis2, directory, directory + "/synapse.xml", directory});
    }
}
