import java.io.File;
import java.io.IOException;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import javax.servlet.http.HttpSession;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/**
 * Tomcat 7, which Carbon 4.4 has inside, with the connectors of its catalina-server.xml, and in place of the console a page that
 * does what the console does for a balancer: redirects that name the host, a login that changes the session's id, pages that know who
 * asks. Arguments: directory, address, keystore, and what the connector of 9443 has as proxyPort, or 0.
 */
public class Console extends HttpServlet {
    private final String port;

    /** Carbon writes its own port behind the host, unless the connector has a proxyPort. */
    Console(int proxyPort) {
        port = proxyPort == 443 ? "" : ":" + (proxyPort == 0 ? 9443 : proxyPort);
    }

    public static void main(String[] words) throws Exception {
        start(new File(words[0]), words[1], words[2], Integer.parseInt(words[3]));
        Thread.currentThread().join();
    }

    static void start(File directory, String address, String keystore, int proxyPort) throws LifecycleException {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(directory.getAbsolutePath());
        Connector plain = connector(address, 9763, proxyPort == 0 ? 0 : 80);
        Connector tls = connector(address, 9443, proxyPort);
        tls.setScheme("https");
        tls.setSecure(true);
        tls.setProperty("SSLEnabled", "true");
        tls.setProperty("sslProtocol", "TLS");
        tls.setProperty("sslEnabledProtocols", "TLSv1.2");
        tls.setProperty("keystoreFile", keystore);
        tls.setProperty("keystorePass", "wso2carbon");
        tomcat.getService().addConnector(plain);
        tomcat.getService().addConnector(tls);
        tomcat.setConnector(tls);
        Context context = tomcat.addContext("", directory.getAbsolutePath());
        Tomcat.addServlet(context, "console", new Console(proxyPort));
        context.addServletMapping("/", "console");
        tomcat.start();
    }

    private static Connector connector(String address, int port, int proxyPort) {
        Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(port);
        connector.setProxyPort(proxyPort);
        connector.setURIEncoding("UTF-8");
        connector.setProperty("address", address);
        connector.setProperty("maxThreads", "50");
        connector.setProperty("minSpareThreads", "4");
        connector.setProperty("compression", "on");
        connector.setProperty("compressionMinSize", "2048");
        connector.setProperty("server", "WSO2 Carbon Server");
        return connector;
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse answer) throws IOException {
        HttpSession session = request.getSession(false);
        boolean known = session != null && session.getAttribute("user") != null;
        switch (request.getRequestURI()) {
            case "/":
            case "/carbon":
                answer.sendRedirect(here(request) + "/carbon/");
                break;
            case "/carbon/":
                answer.sendRedirect(here(request) + "/carbon/admin/index.jsp");
                break;
            case "/carbon/admin/index.jsp":
                if (known) {
                    page(request, answer, "Signed-in as: " + session.getAttribute("user"));
                } else {
                    answer.sendRedirect(here(request) + "/carbon/admin/login.jsp");
                }
                break;
            case "/carbon/admin/login.jsp":
                request.getSession();
                page(request, answer, "<form method=\"post\" action=\"../admin/login_action.jsp\"></form>");
                break;
            case "/carbon/admin/login_action.jsp":
                logIn(request, answer, session);
                break;
            case "/services/AuthenticationAdmin":
                page(request, answer, "AuthenticationAdmin");
                break;
            default:
                answer.sendError(404);
        }
    }

    /** Whoever had a session gets another id for it, as with Tomcat's own login. */
    private void logIn(HttpServletRequest request, HttpServletResponse answer, HttpSession session) throws IOException {
        if (!"admin".equals(request.getParameter("username")) || !"admin".equals(request.getParameter("password"))) {
            answer.sendRedirect(here(request) + "/carbon/admin/login.jsp?loginStatus=false");
            return;
        }
        if (session != null) {
            session.invalidate();
        }
        request.getSession().setAttribute("user", "admin");
        answer.sendRedirect(here(request) + "/carbon/admin/index.jsp?loginStatus=true");
    }

    private void page(HttpServletRequest request, HttpServletResponse answer, String what) throws IOException {
        answer.setContentType("text/html;charset=UTF-8");
        answer.getWriter().println("<html><head><title>WSO2 Management Console</title></head><body>" + what
                + "<a href=\"" + here(request) + "/carbon/admin/login.jsp\">Sign-in</a></body></html>");
    }

    /** Where the node believes to be asked. */
    private String here(HttpServletRequest request) {
        return "https://" + request.getServerName() + port;
    }
}
