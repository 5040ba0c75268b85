import org.apache.synapse.MessageContext;
import org.apache.synapse.mediators.AbstractMediator;

/** Takes longer than the transport waits. */
public class Slow extends AbstractMediator {
    @Override
    public boolean mediate(MessageContext message) {
        try {
            Thread.sleep(30_000);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        return false;
    }
}
